//! `predict`: votes, abstention, pictures.

use image::{GrayImage, Rgb, RgbImage};
use ringfence::data::{self, Split};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{Ran, lines, network, ringfence, without_times};

fn predict(more: &[&str]) -> Ran {
    let model = network::model().to_str().unwrap();
    ringfence(&[&["predict", model, "--seed", "7", "--n", "60"], more].concat())
}

fn sum(scores: &Value) -> u64 {
    scores.as_array().unwrap().iter().map(|score| score.as_u64().unwrap()).sum()
}

#[test]
fn votes_add_up_and_do_not_depend_on_threads() {
    for (vote, points) in [("prediction", Some(60)), ("weighted", Some(60 * 65535)), ("soft", None)] {
        let args = |threads| ["--json", "--max", "4", "--vote", vote, "--threads", threads];
        let expected = without_times(&predict(&args("1")).ok());
        let found = without_times(&predict(&args("3")).ok());
        assert_eq!(found[..4], expected[..4], "{vote}");
        for answer in &expected[..4] {
            let total = sum(&answer["scores"]);
            match points {
                Some(points) => assert_eq!(total, points),
                // Probabilities are rounded down to 2^-16, one for each of sixteen classes.
                None => assert!(total <= 60 << 16 && total > (60 << 16) - 60 * 16, "{total}"),
            }
            let scores = answer["scores"].as_array().unwrap();
            let class = answer["predict"].as_u64().unwrap() as usize;
            assert!(scores.iter().all(|score| score.as_u64() <= scores[class].as_u64()));
        }
    }
}

/// Whether `first` of `both` votes differ from a fair coin's at 0.001, two-sided, by summing the binomial tail.
fn significant(first: u64, both: u64) -> bool {
    let mut coefficient = 1.0;
    let mut tail = 0.0;
    for k in 0..=both {
        if k >= first {
            tail += coefficient;
        }
        coefficient *= (both - k) as f64 / (k + 1) as f64;
    }
    2.0 * tail / 2_f64.powi(both as i32) <= 0.001
}

#[test]
fn predict_answers_exactly_where_the_lead_is_significant() {
    let model = network::model().to_str().unwrap();
    let few = ["predict", model, "--seed", "7", "--n", "24", "--max", "40", "--json"];
    let answers = lines(&ringfence(&few).ok());
    let votes = lines(&ringfence(&[&few[..], &["--vote", "prediction"]].concat()).ok());
    let mut abstained = 0;
    for (vote, answer) in votes[..40].iter().zip(&answers[..40]) {
        assert_eq!(vote["scores"], answer["scores"]);
        let mut scores: Vec<u64> =
            answer["scores"].as_array().unwrap().iter().map(|score| score.as_u64().unwrap()).collect();
        scores.sort_unstable_by(|a, b| b.cmp(a));
        let answers = significant(scores[0], scores[0] + scores[1]);
        assert_eq!(
            answer["predict"],
            if answers { vote["predict"].clone() } else { json!(-1) },
            "{scores:?}"
        );
        abstained += usize::from(!answers);
    }
    let summary = &answers[40];
    assert_eq!(summary["schema"], json!("ringfence.predict/1"));
    assert_eq!(summary["summary"]["abstain"], json!(abstained));
    assert!((1..40).contains(&abstained), "{abstained} of 40 abstained: the images decide nothing");
}

#[test]
fn a_clean_pass_has_no_seed() {
    let answer = &lines(&predict(&["--json", "--max", "1", "--vote", "clean"]).ok())[0];
    assert_eq!((&answer["seed"], &answer["scores"]), (&Value::Null, &json!([])));
}

#[test]
fn a_picture_file_is_the_image_it_shows() {
    let data = data::open("signs", Split::Test).unwrap();
    let mut chw = vec![0; 3072];
    data.read(0, &mut chw).unwrap();
    let picture = RgbImage::from_fn(32, 32, |x, y| {
        let at = (y * 32 + x) as usize;
        Rgb([chw[at], chw[1024 + at], chw[2048 + at]])
    });
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let file = path("sign.png");
    picture.save(&file).unwrap();
    let from_file = lines(&predict(&["--json", "--image", &file]).ok());
    let from_data = lines(&predict(&["--json", "--max", "1"]).ok());
    for field in ["predict", "class", "scores", "image_sha256", "seed"] {
        assert_eq!(from_file[0][field], from_data[0][field], "{field}");
    }
    assert_eq!((&from_file[0]["idx"], &from_file[0]["label"]), (&Value::Null, &Value::Null));
    assert_eq!(from_file[1]["summary"]["accuracy"], Value::Null);

    let wide = path("wide.png");
    GrayImage::new(40, 32).save(&wide).unwrap();
    assert_eq!(
        predict(&["--image", &wide]).error(2),
        format!("{wide}: the picture is 40x32 pixels (width x height), the model expects 32x32")
    );
    let text = path("text.png");
    std::fs::write(&text, "no picture").unwrap();
    assert!(predict(&["--image", &text]).error(2).starts_with(&format!("{text}: not a picture: ")));
}

#[test]
fn the_table_names_classes() {
    let text = predict(&["--max", "2", "--vote", "soft"]).ok();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("idx\tlabel\tpredict\tclass\tcorrect\tseconds\tcertificate"));
    let row: Vec<_> = lines.next().unwrap().split('\t').collect();
    let data = data::open("signs", Split::Test).unwrap();
    assert_eq!(row[3], data.classes()[row[2].parse::<usize>().unwrap()]);
    assert!(text.lines().rev().nth(1).unwrap().contains("of 2 correct, 0 abstained"), "{text}");
}
