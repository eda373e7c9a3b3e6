//! Every function answers what the Rust interface answers.

use crate::caller::{ALPHA, Caller, SEED, backends, budget, files, get, seed};
use ringfence_runtime::certificate::{Outcome, Radius};
use ringfence_runtime::ffi::*;
use ringfence_runtime::smooth::{self, Budget, Image, Smoother};
use ringfence_runtime::{Backend, Model, embed_model};
use std::ptr::null;
use std::slice;

/// The votes of a list, after a look at the zeros behind them.
fn list<T: Copy + Default + PartialEq>(entries: &[T; MAX_CLASSES], classes: u32) -> &[T] {
    let (list, rest) = entries.split_at(classes as usize);
    assert!(rest.iter().all(|entry| *entry == T::default()));
    list
}

pub fn assert_outcome(found: &COutcome, expected: &Outcome) {
    let (decision, radius) = match expected {
        Outcome::Certified(certificate) => (Decision::Certified, certificate.radius.units()),
        Outcome::Refuted(refutation) => (Decision::Refuted, refutation.radius.units()),
        Outcome::Abstained(_) => (Decision::Abstained, 0),
    };
    assert_eq!((found.decision, found.radius), (decision, radius));
    assert_eq!((found.class_index as usize, found.count), expected.candidate());
    assert_eq!(found.votes, expected.votes());
    assert_eq!(list(&found.counts, found.classes), &expected.counts()[..]);
}

#[test]
fn models_say_the_same_of_themselves() {
    for file in files() {
        let caller = Caller::new(&file, 1);
        let (handle, model) = (caller.model(), Model::parse(&file).unwrap());
        let info: CInfo = get(|info| unsafe { ringfence_model_info(handle, info) }).unwrap();
        assert_eq!([info.channels, info.height, info.width].map(|side| side as usize), caller.shape);
        assert_eq!((info.classes as usize, info.tables), (model.classes(), 4));
        assert_eq!(info.sample_arena_bytes, model.sample_arena_bytes());
        assert_eq!(info.sigma.to_bits(), model.noise().sigma_bits);
        assert_eq!(info.source.bytes, *model.source_sha256());
        for batch in [0, 1, 16, usize::MAX] {
            let bytes = get(|bytes| unsafe { ringfence_arena_bytes(handle, batch, bytes) });
            assert_eq!(bytes, Ok(model.arena_bytes(batch)));
        }
        let digest: CSha256 = get(|digest| unsafe { ringfence_model_sha256(handle, digest) }).unwrap();
        assert_eq!(digest.bytes, model.sha256());
        for class in 0..info.classes {
            let mut length = 0;
            let name = get(|name| unsafe { ringfence_class_name(handle, class, name, &mut length) }).unwrap();
            let name = unsafe { slice::from_raw_parts(name.cast::<u8>(), length) };
            assert_eq!(str::from_utf8(name).ok(), model.class_name(class as usize));
        }
        for (index, table) in model.certificates().enumerate() {
            let found: CBudget =
                get(|found| unsafe { ringfence_table(handle, index as u32, found) }).unwrap();
            let target = table.target().map_or(0, Radius::units);
            let alpha = f64::from_bits(table.alpha_bits());
            let expected =
                CBudget { method: table.method() as u32, n0: table.n0(), n: table.n(), target, alpha };
            assert_eq!(found, expected);
        }
    }
}

fn vote(smoother: &CSmoother, image: &CImage, n: u32, kind: Vote) -> CVerdict {
    get(|out| unsafe { ringfence_vote(smoother, image, &seed(), n, kind as u32, out) }).unwrap()
}

/// One certificate of each kind, as a C program and as a Rust program ask for it.
pub fn budgets() -> [(CBudget, Budget); 3] {
    [
        (budget(Method::TwoStage, 4, 8, 0), Budget::two_stage(4, 8, ALPHA)),
        (budget(Method::SingleStage, 0, 8, 0), Budget::single_stage(8, ALPHA)),
        (budget(Method::Sequential, 0, 8, 1000), Budget::sequential(Radius(1000), 8, ALPHA)),
    ]
}

fn check_verbs(caller: &mut Caller, smoother: &CSmoother, expected: &mut Smoother<'_, '_, '_>) {
    let (image, pixels) = (caller.image(), caller.pixels.clone());
    let [channels, height, width] = caller.shape;
    let view = Image::chw(&pixels, channels, height, width).unwrap();
    let class = get(|class| unsafe { ringfence_classify(smoother, &image, class) });
    assert_eq!(class, Ok(expected.classify(&view).unwrap() as u32));
    for (kind, same) in [
        (Vote::Prediction, smooth::Vote::Prediction),
        (Vote::Weighted, smooth::Vote::Weighted),
        (Vote::Soft, smooth::Vote::Soft),
    ] {
        let found = vote(smoother, &image, 3, kind);
        let verdict = expected.vote(&view, &SEED, 3, same).unwrap();
        assert_eq!(found.class_index as usize, verdict.class);
        assert_eq!(list(&found.scores, found.classes), &verdict.scores[..]);
    }
    for n in [1, 5, 8] {
        let budget = budget(Method::Predict, 0, n, 0);
        let found: CPrediction =
            get(|out| unsafe { ringfence_predict(smoother, &image, &seed(), &budget, out) }).unwrap();
        let prediction = expected.predict(&view, n, ALPHA, &SEED).unwrap();
        assert_eq!((!found.abstained).then_some(found.class_index as usize), prediction.class());
        assert_eq!(list(&found.counts, found.classes), &prediction.counts()[..]);
    }
    for (budget, same) in budgets() {
        let found = get(|out| unsafe { ringfence_certify(smoother, &image, &seed(), &budget, out) });
        assert_outcome(&found.unwrap(), &expected.certify(&view, same, &SEED).unwrap());
    }
}

#[test]
fn verbs_answer_the_same() {
    let generators =
        [(Generator::Xoshiro, smooth::Generator::Xoshiro), (Generator::Chacha8, smooth::Generator::ChaCha)];
    for file in files() {
        let model = Model::parse(&file).unwrap();
        // An interpreter is slow.
        for (generator, same) in generators.into_iter().skip(usize::from(cfg!(miri))) {
            let mut arena = vec![0; model.arena_bytes(1)];
            let smoother = Smoother::with_backend(&model, &mut arena, Backend::Scalar).unwrap();
            let mut expected = smoother.with_generator(same);
            let names: Vec<_> = backends().collect();
            let named = names.iter().map(|name| name.as_ptr()).chain([null()]);
            for (backend, batch) in named.take(if cfg!(miri) { 1 } else { 16 }).zip([1, 3, 2, 5, 1, 2]) {
                let mut caller = Caller::new(&file, batch);
                let smoother = CSmoother { generator: generator as u32, backend, ..caller.smoother() };
                check_verbs(&mut caller, &smoother, &mut expected);
            }
        }
    }
}

#[test]
fn layouts_and_alignments_do_not_matter() {
    for file in files() {
        let mut caller = Caller::new(&file, 1);
        let (smoother, image) = (caller.smoother(), caller.image());
        let expected = vote(&smoother, &image, 4, Vote::Soft);
        let digest = |image: &CImage| {
            let digest: CSha256 = get(|digest| unsafe { ringfence_image_sha256(image, digest) }).unwrap();
            digest.bytes
        };
        let [channels, height, width] = caller.shape;
        let view = Image::chw(&caller.pixels, channels, height, width).unwrap();
        assert_eq!(digest(&image), view.sha256());

        let plane = height * width;
        let pixels: Vec<u8> =
            (0..channels * plane).map(|i| caller.pixels[i % channels * plane + i / channels]).collect();
        let together = CImage { pixels: pixels.as_ptr(), layout: Layout::Hwc as u32, ..image };
        assert_eq!(vote(&smoother, &together, 4, Vote::Soft), expected);
        assert_eq!(digest(&together), view.sha256());

        for shift in [1, 2, 63] {
            let mut arena = vec![0; smoother.arena_bytes + shift];
            let arena = arena[shift..].as_mut_ptr();
            assert_eq!(vote(&CSmoother { arena, ..smoother }, &image, 4, Vote::Soft), expected);
        }
    }
}

/// The picture and the votes of `tests/vectors.rs`.
#[test]
#[cfg_attr(miri, ignore = "a network of a million operations")]
fn a_shipped_model_has_the_votes_written_down() {
    let mut caller = Caller::new(embed_model!("../../../models/signs-resnet8-s025.rfm"), 4);
    for (i, pixel) in caller.pixels.iter_mut().enumerate() {
        let (channel, dy, dx) = (i / 1024, (i / 32 % 32).abs_diff(15), (i % 32).abs_diff(16));
        *pixel = match dy * dy + dx * dx {
            0..105 => 40 + 90 * channel,
            105..200 => 250 - 100 * channel,
            _ => 60 + 5 * (i % 32),
        } as u8;
    }
    let (smoother, image, seed) = (caller.smoother(), caller.image(), CSeed { bytes: [7; 32] });
    let budget = CBudget { alpha: 0.001, ..budget(Method::SingleStage, 0, 100, 0) };
    let outcome: COutcome =
        get(|out| unsafe { ringfence_certify(&smoother, &image, &seed, &budget, out) }).unwrap();
    let votes: Vec<_> = outcome.counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect();
    assert_eq!(votes, [(2, 72), (13, 3), (14, 25)]);
    assert_eq!((outcome.decision, outcome.class_index, outcome.radius), (Decision::Certified, 2, 42_738));
    assert_eq!((outcome.count, outcome.votes, outcome.classes), (72, 100, 16));
    assert_eq!(Radius(outcome.radius).to_string(), "0.040758");
}
