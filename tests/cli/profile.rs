//! `profile`: one set of samples answers for every N and vote as `predict` and the runtime do, whatever computes them.

use std::fs;

use ringfence::certificate;
use ringfence::data::{self, Split};
use ringfence_runtime::smooth::{Image, Purpose, Seed, Smoother, Vote, top};
use ringfence_runtime::{Backend, Model};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{Ran, lines, network, ringfence};

const NS: [u32; 5] = [1, 3, 16, 50, 200];

/// `ringfence profile MODEL` with few samples, a seed and `more`.
pub fn profile(more: &[&str]) -> Ran {
    let model = network::model().to_str().unwrap();
    let few = ["profile", model, "--n", "200,1,3,16,50", "--seed", "5eed"];
    ringfence(&[&few, more].concat())
}

/// The rows of a run without times.
fn rows(more: &[&str]) -> Vec<Value> {
    let folder = tempdir().unwrap();
    let out = folder.path().join("rows.jsonl").to_str().unwrap().to_owned();
    profile(&[&["--untimed", "--out", &out], more].concat()).ok();
    lines(&fs::read_to_string(out).unwrap())
}

#[test]
fn elections_are_those_of_the_runtime_for_each_n_and_vote() {
    let model = Model::parse(network::bytes()).unwrap();
    let mut arena = vec![0; model.arena_bytes(5)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let data = data::open("signs", Split::Test).unwrap();
    let mut chw = vec![0; data.shape().bytes()];
    let found = rows(&["--max", "12", "--threads", "1"]);
    let mut disagree = false;
    for row in &found {
        let label = data.read(row["idx"].as_u64().unwrap() as usize, &mut chw).unwrap();
        let image = Image::chw(&chw, 3, 32, 32).unwrap();
        let hex = row["seed"].as_str().unwrap();
        let seed = Seed(std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()));
        assert_eq!(
            (&row["label"], &row["plain"]),
            (&json!(label), &json!(smoother.classify(&image).unwrap()))
        );
        for (index, n) in NS.into_iter().enumerate() {
            for (name, vote) in
                [("prediction", Vote::Prediction), ("weighted", Vote::Weighted), ("soft", Vote::Soft)]
            {
                let verdict = smoother.vote(&image, &seed, n, vote).unwrap();
                assert_eq!(row[name][index], json!(verdict.class), "{name} of {n}, image {}", row["idx"]);
                disagree |= row[name][index] != row["prediction"][index];
            }
            let counts = smoother.tally(&image, &seed, Purpose::Vote, 0..n).unwrap();
            assert_eq!(row["counts"][index], json!(counts[top(&counts)]));
        }
    }
    assert!(disagree, "votes that always agree hide differences");
}

#[test]
fn nothing_that_computes_changes_a_row() {
    let expected = rows(&["--max", "6", "--threads", "1", "--batch", "1", "--backends", "scalar"]);
    assert_eq!(expected.len(), 6);
    for threads in ["1", "2", "3"] {
        for batch in ["3", "16"] {
            assert_eq!(
                rows(&["--max", "6", "--threads", threads, "--batch", batch]),
                expected,
                "{threads} {batch}"
            );
        }
    }
    for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
        assert_eq!(rows(&["--max", "6", "--backends", backend.name()]), expected, "{backend:?}");
    }
}

#[test]
fn predict_answers_the_same() {
    let document = document(&["--max", "20"]);
    let model = network::model().to_str().unwrap();
    for (index, n) in NS.into_iter().enumerate() {
        for (place, vote) in ["prediction", "weighted", "soft"].into_iter().enumerate() {
            let n = n.to_string();
            let args =
                ["predict", model, "--json", "--seed", "5eed", "--max", "20", "--n", &n, "--vote", vote];
            let answers = lines(&ringfence(&args).ok());
            let right = answers.iter().filter(|answer| answer["correct"] == json!(1)).count();
            let found = &document["points"][index]["votes"][place];
            assert_eq!((&found["vote"], &found["clean"]["count"]), (&json!(vote), &json!(right)), "{n}");
        }
    }
}

fn document(more: &[&str]) -> Value {
    serde_json::from_str(&profile(&[&["--json"], more].concat()).ok()).unwrap()
}

/// Certificates again, from the rows and the tables themselves.
#[test]
fn points_are_what_the_rows_and_tables_say() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("rows.jsonl").to_str().unwrap().to_owned();
    let document = document(&["--max", "25", "--radii", "0,0.03,0.05", "--out", &out]);
    let rows = lines(&fs::read_to_string(out).unwrap());
    let noise = Model::parse(network::bytes()).unwrap().noise();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        names(&document),
        "advice alpha attacked attacked_images certificate data generator images layers model model_sha256 norm plain \
         points schema seed sigma split target_radius timings version"
    );
    let mut shares = Vec::new();
    for (index, n) in NS.into_iter().enumerate() {
        let sigma = f64::from_bits(noise.sigma_bits);
        let table = certificate::single_stage(n, 0.001, sigma, noise.tv_budget).ok();
        let radius = |row: &Value| {
            let units = table.as_ref()?.radius(row["counts"][index].as_u64().unwrap() as u32)?;
            Some(f64::from(units) / 1_048_576.0)
        };
        let point = &document["points"][index];
        let right: Vec<f64> =
            rows.iter().filter(|row| row["prediction"][index] == row["label"]).filter_map(radius).collect();
        let certified = rows.iter().filter_map(radius).count();
        for (place, least) in [0.0, 0.03, 0.05].into_iter().enumerate() {
            let count = right.iter().filter(|&&radius| radius >= least).count();
            let found = &point["certified"][place];
            assert_eq!(
                (&found["radius"], &found["accuracy"]["count"]),
                (&json!(least), &json!(count)),
                "{n}"
            );
            shares.push(count);
        }
        assert_eq!(point["abstained"], json!(25 - certified));
        assert_eq!(point["wrong"], json!(certified - right.len()));
        let average = right.iter().sum::<f64>() / 25.0;
        assert!((point["average_radius"].as_f64().unwrap() - average).abs() < 1e-12);
        let reach =
            table.as_ref().and_then(|table| table.radius(n)).map(|units| f64::from(units) / 1_048_576.0);
        assert_eq!(point["reach"], json!(reach));
        assert_eq!(point["least_count"], json!(table.as_ref().map(|table| table.first)));
        let curve = point["curve"].as_array().unwrap();
        assert_eq!(curve.is_empty(), right.is_empty());
        assert!(
            curve
                .windows(2)
                .all(|w| w[0][0].as_f64() < w[1][0].as_f64() && w[0][1].as_f64() > w[1][1].as_f64())
        );
    }
    assert!(shares.iter().any(|&count| count > 0 && count < 25), "{shares:?}");
}

/// One budget is a prefix of another: `certify --target-radius` with other samples must agree in law, and the runtime's own
/// checkpoints on these very samples exactly.
#[test]
fn anytime_certification_stops_where_the_checkpoints_say() {
    let rows = rows(&["--max", "15", "--target-radius", "0.05"]);
    let document = document(&["--max", "15", "--target-radius", "0.05", "--untimed"]);
    let model = Model::parse(network::bytes()).unwrap();
    let noise = model.noise();
    let table =
        certificate::sequential(0.05, 200, 0.001, f64::from_bits(noise.sigma_bits), noise.tv_budget).unwrap();
    let entries: Vec<[u32; 3]> = table.entries.as_chunks().0.to_vec();
    let mut arena = vec![0; model.arena_bytes(4)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let data = data::open("signs", Split::Test).unwrap();
    let mut chw = vec![0; data.shape().bytes()];
    let mut samples = 0;
    for row in &rows {
        data.read(row["idx"].as_u64().unwrap() as usize, &mut chw).unwrap();
        let image = Image::chw(&chw, 3, 32, 32).unwrap();
        let hex = row["seed"].as_str().unwrap();
        let seed = Seed(std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()));
        let mut expected = json!(null);
        for &[votes, accept, reject] in &entries {
            let counts = smoother.tally(&image, &seed, Purpose::Vote, 0..votes).unwrap();
            let class = top(&counts);
            let outcome = match counts[class] {
                count if count >= accept => "certified",
                count if count <= reject => "refuted",
                _ => "abstained",
            };
            expected = json!({"outcome": outcome, "class": class, "samples": votes});
            if outcome != "abstained" {
                break;
            }
        }
        assert_eq!(row["stop"], expected, "image {}", row["idx"]);
        samples += expected["samples"].as_u64().unwrap();
    }
    let last = &document["points"][4]["anytime"];
    assert_eq!(last["mean_samples"], json!(samples as f64 / 15.0));
    let small = &document["points"][2]["anytime"];
    assert!(small["mean_samples"].as_f64().unwrap() <= 16.0);
    let error = profile(&["--target-radius", "9"]).error(2);
    assert!(error.starts_with("--target-radius: radius 9 cannot be proved"), "{error}");
}

#[test]
fn attacked_images_are_read_and_counted_by_themselves() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("attacked.bin");
    let data = data::open("signs", Split::Test).unwrap();
    let mut file = Vec::new();
    let mut chw = vec![0; data.shape().bytes()];
    for index in 0..8 {
        let label = data.read(index, &mut chw).unwrap();
        // As if four of the eight attacks had found another class's picture.
        file.push(if index % 2 == 0 { label as u8 } else { (label as u8 + 1) % 16 });
        file.extend(&chw);
    }
    fs::write(&path, &file).unwrap();
    let attacked = ["--attacked", path.to_str().unwrap()];
    let document = document(&[&attacked[..], &["--max", "8", "--untimed"]].concat());
    assert_eq!((&document["images"], &document["attacked_images"]), (&json!(8), &json!(8)));
    let clean = document["plain"]["clean"]["count"].as_u64().unwrap();
    let hit = document["plain"]["attacked"]["count"].as_u64().unwrap();
    assert!(hit <= 4 && clean >= hit, "{clean} {hit}");
    assert_eq!(document["points"][4]["votes"][0]["attacked"]["images"], json!(8));
    fs::write(&path, &file[..file.len() - 1]).unwrap();
    let error = profile(&attacked).error(2);
    assert!(error.contains("attacked.bin: expected a whole number of 3073-byte records"), "{error}");
}

#[test]
fn a_profile_goes_on_where_it_stopped_and_only_as_it_was_started() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("rows.jsonl").to_str().unwrap().to_owned();
    let expected = rows(&["--max", "7"]);
    profile(&["--untimed", "--out", &out, "--max", "3"]).ok();
    let text = fs::read_to_string(&out).unwrap();
    fs::write(&out, &text[..text.len() - 9]).unwrap();
    let table = profile(&["--untimed", "--out", &out, "--max", "7", "--resume"]).ok();
    assert!(table.contains("7 images"), "{table}");
    assert_eq!(lines(&fs::read_to_string(&out).unwrap()), expected);
    let error = profile(&["--untimed", "--out", &out]).error(2);
    assert!(error.contains("--resume continues its run"), "{error}");
    let error = profile(&["--untimed", "--out", &out, "--resume", "--votes", "soft"]).error(2);
    assert!(error.contains("another run was started here: votes: expected [\"soft\"]"), "{error}");
    let error = profile(&["--out", &out, "--resume"]).error(2);
    assert!(error.ends_with("untimed: expected false, found true"), "{error}");
}

#[test]
fn other_ways_and_boards_are_timed_too() {
    let folder = tempdir().unwrap();
    let board = folder.path().join("board.json");
    let model = network::model().to_str().unwrap();
    let report = ringfence(&["report", model, "--device", "cortex-m4", "--mhz", "168", "--json"]).ok();
    fs::write(&board, &report).unwrap();
    let seconds = lines(&report)[0]["seconds"].as_f64().unwrap();
    let ways = ["--backends", "scalar", "--threads", "1,2", "--seconds", "0.01", "--max", "21"];
    let document =
        document(&[&ways[..], &["--device", board.to_str().unwrap(), "--budget-ms", "1e9"]].concat());
    let timings = document["timings"].as_array().unwrap();
    let names: Vec<_> = timings.iter().map(|timing| timing["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["scalar, 1 thread", "scalar, 2 threads", "cortex-m4 at 168 MHz"]);
    assert_eq!(timings[0]["images"], json!(21));
    for point in timings[0]["points"].as_array().unwrap() {
        assert!(point["p95_s"].as_f64().unwrap() >= point["median_s"].as_f64().unwrap());
        assert_eq!(point["p99_s"], Value::Null);
    }
    for (point, n) in timings[2]["points"].as_array().unwrap().iter().zip(NS) {
        assert_eq!(point["median_s"], json!(f64::from(n) * seconds));
    }
    let layers = document["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 1 + Model::parse(network::bytes()).unwrap().ops().count());
    let sum: f64 = layers.iter().map(|layer| layer["share"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    let advice = document["advice"].as_array().unwrap();
    assert_eq!(advice.len(), 3);
    for advice in advice {
        let front = advice["front"].as_array().unwrap();
        assert!(front.windows(2).all(|w| w[0]["quality"].as_f64() < w[1]["quality"].as_f64()));
        assert_eq!(advice["within_budget"], front.last().unwrap()["n"]);
    }
}

#[test]
fn csv_has_a_line_for_each_n_and_columns_that_fit() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("table.csv");
    profile(&["--max", "3", "--csv", path.to_str().unwrap(), "--target-radius", "0.05"]).ok();
    let text = fs::read_to_string(path).unwrap();
    let cells = |line: &str| line.replace(", ", ";").split(',').count();
    let mut lines = text.lines();
    let columns = cells(lines.next().unwrap());
    let ns: Vec<_> = lines.clone().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(ns, ["1", "3", "16", "50", "200"]);
    assert!(lines.all(|line| cells(line) == columns));
}
