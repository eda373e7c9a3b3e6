//! The shipped models are what their cards say.

#![allow(clippy::unwrap_used)]
use std::fs;
use std::path::{Path, PathBuf};

use ringfence::certificate::{self, Method, Scheme, Smoothing};
use ringfence::data::{self, Split};
use ringfence::models::EMBEDDED;
use ringfence::noise::{MAX_TV_BUDGET, generate};
use ringfence_runtime::Model;
use ringfence_runtime::smooth::{Image, Purpose, Seed, Smoother, top};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cards() -> Vec<Value> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let cards = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    cards.map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap()).collect()
}

#[test]
fn cards_name_these_very_files() {
    let cards = cards();
    assert!(cards.len() >= 2);
    for card in &cards {
        let read = |name: &Value| fs::read(folder().join(name.as_str().unwrap())).unwrap();
        let onnx = read(&card["file"]);
        assert_eq!(card["sha256"], json!(sha256(&onnx)));
        let file = card.get("mask_network").map(|network| {
            let bytes = read(&network["file"]);
            assert_eq!(network["sha256"], json!(sha256(&bytes)));
            sha256(&bytes)
        });
        let Some(compiled) = card.get("compiled") else {
            assert_eq!(card["mask"]["kind"], "static", "a baseline in floats");
            continue;
        };
        let rfm = read(&compiled["file"]);
        let model = Model::parse(&rfm).unwrap();
        let source: String = model.source_sha256().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(compiled["sha256"], json!(sha256(&rfm)));
        assert_eq!(source, sha256(&onnx));
        let mask: Option<String> = model
            .mask()
            .map(|mask| mask.adaptive.source_sha256.iter().map(|byte| format!("{byte:02x}")).collect());
        assert_eq!(mask, file);
        assert_eq!(compiled["arena_bytes_per_sample"], json!(model.arena_bytes(1)));
        let classes: Vec<_> = (0..model.classes()).map(|class| model.class_name(class)).collect();
        assert_eq!(card["classes"], json!(classes));
    }
}

/// So the exact arithmetic that made and checked the tables speaks for the files as they are.
#[test]
fn noise_and_certificates_are_those_of_the_generators() {
    for card in cards().into_iter().filter(|card| card.get("compiled").is_some()) {
        let rfm = fs::read(folder().join(card["compiled"]["file"].as_str().unwrap())).unwrap();
        let model = Model::parse(&rfm).unwrap();
        let noise = model.noise();
        let sigma = f64::from_bits(noise.sigma_bits);
        let made = generate(sigma, model.input().values()).unwrap();
        let [words, low] = made.entry_bytes();
        assert_eq!((noise.words, noise.low), (&words[..], &low[..]));
        assert_eq!(
            (noise.column_bits, noise.min_value, noise.tv_budget),
            (made.column_bits as u8, made.min_value, made.tv_budget)
        );
        assert!(made.tv_budget <= MAX_TV_BUDGET);
        let smoothing = Smoothing::of(&model);
        for table in model.certificates() {
            let (n0, n, alpha) = (table.n0(), table.n(), f64::from_bits(table.alpha_bits()));
            let made = match table.method() {
                Method::TwoStage => Scheme::two_stage(n0, n, alpha, smoothing).map(|scheme| scheme.table()),
                Method::SingleStage => Scheme::single_stage(n, alpha, smoothing).map(|scheme| scheme.table()),
                Method::Sequential => {
                    let target = f64::from(table.first()) / f64::from(1 << 20);
                    certificate::sequential_of(target, n, alpha, smoothing)
                }
                _ => certificate::predict(n, alpha),
            }
            .unwrap();
            assert_eq!(table.first(), made.first);
            assert!(table.entries().eq(made.entries), "{:?}, n = {n}", table.method());
        }
    }
}

/// 64 images with 8 noisy votes each: the card promises far more than the 90 % asked for here.
#[test]
fn the_embedded_model_knows_its_signs() {
    let model = Model::parse(EMBEDDED[0].bytes).unwrap();
    let mut arena = vec![0; model.arena_bytes(8)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let data = data::open("signs", Split::Test).unwrap();
    let mut chw = vec![0; data.shape().bytes()];
    let right = (0..64).filter(|&index| {
        let label = data.read(index, &mut chw).unwrap();
        let image = Image::chw(&chw, 3, 32, 32).unwrap();
        let votes = smoother.tally(&image, &Seed([1; 32]), Purpose::Vote, 0..8).unwrap();
        top(&votes) == label
    });
    assert!(right.count() >= 58);
}
