//! `certify --target-radius`: as few samples as it takes, the same whatever computes them.

use std::fs;

use ringfence::certificate;
use ringfence::data::{self, Split};
use ringfence_runtime::certificate::Outcome;
use ringfence_runtime::smooth::{Generator, Image, Seed, Smoother};
use ringfence_runtime::{Backend, Model};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{Ran, lines, network, ringfence, without_times};

/// `ringfence certify MODEL` of one radius with a seed and `more`.
fn certify(target: &str, budget: &str, more: &[&str]) -> Ran {
    let model = network::model().to_str().unwrap();
    let args = ["certify", model, "--seed", "5eed", "--target-radius", target, "--budget", budget];
    ringfence(&[&args, more].concat())
}

/// Rows of JSON output, without the summary.
fn rows(text: &str) -> Vec<Value> {
    let mut lines = without_times(text);
    assert!(lines.pop().unwrap().get("summary").is_some());
    lines
}

fn outcomes(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["sequential"]["outcome"].as_str().unwrap()).collect()
}

fn samples(row: &Value) -> u64 {
    row["sequential"]["samples"].as_u64().unwrap()
}

#[test]
fn nothing_that_computes_changes_where_it_stops() {
    let run =
        |more: &[&str]| rows(&certify("0.08", "300", &[&["--json", "--max", "13"], more].concat()).ok());
    let expected = run(&["--threads", "1", "--batch", "1", "--backend", "scalar"]);
    for outcome in ["certified", "refuted", "abstained"] {
        assert!(outcomes(&expected).contains(&outcome), "{outcome}: {:?}", outcomes(&expected));
    }
    assert!(expected.iter().any(|row| samples(row) < 60) && expected.iter().any(|row| samples(row) > 60));
    for threads in ["1", "2", "5"] {
        for batch in ["3", "16"] {
            assert_eq!(
                run(&["--threads", threads, "--batch", batch]),
                expected,
                "{threads} threads, batch {batch}"
            );
        }
    }
    for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
        assert_eq!(run(&["--backend", backend.name()]), expected, "{backend:?}");
    }
}

/// The command draws ahead in parallel; the runtime stops at the checkpoint.
#[test]
fn records_hold_what_the_runtime_certifies() {
    let model = Model::parse(network::bytes()).unwrap();
    let noise = model.noise();
    let table =
        certificate::sequential(0.05, 300, 0.01, f64::from_bits(noise.sigma_bits), noise.tv_budget).unwrap();
    let entries = table.entry_bytes();
    let view = table.view(&entries).unwrap();
    let mut arena = vec![0; model.arena_bytes(4)];
    let data = data::open("signs", Split::Test).unwrap();
    let mut chw = vec![0; data.shape().bytes()];
    for (name, generator) in [("xoshiro", Generator::Xoshiro), ("chacha8", Generator::ChaCha)] {
        let mut smoother = Smoother::new(&model, &mut arena).unwrap().with_generator(generator);
        let args = ["--json", "--max", "8", "--alpha", "0.01", "--generator", name];
        for row in rows(&certify("0.05", "300", &args).ok()) {
            assert_eq!(row["generator"], json!(name));
            data.read(row["idx"].as_u64().unwrap() as usize, &mut chw).unwrap();
            let image = Image::chw(&chw, 3, 32, 32).unwrap();
            let hex = row["seed"].as_str().unwrap();
            let seed = Seed(std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()));
            let outcome = smoother.certify_with(&image, &view, &seed).unwrap();
            let word = match outcome {
                Outcome::Certified(_) => "certified",
                Outcome::Refuted(_) => "refuted",
                Outcome::Abstained(_) => "abstained",
            };
            assert_eq!(
                row["sequential"],
                json!({
                    "target_radius": 0.05,
                    "target_radius_units": 52_429,
                    "outcome": word,
                    "samples": outcome.votes(),
                })
            );
            assert_eq!((&row["counts"], &row["selection"]), (&json!(outcome.counts().to_vec()), &json!([])));
            let certificate = outcome.certificate();
            assert_eq!(row["predict"], json!(certificate.map_or(-1, |c| c.class as i64)));
            assert_eq!(row["radius_units"], json!(certificate.map_or(0, |_| 52_429)));
            assert_eq!(
                (&row["method"], &row["n0"], &row["n"]),
                (&json!("sequential"), &json!(0), &json!(300))
            );
        }
    }
}

#[test]
fn more_budget_changes_no_earlier_decision() {
    let run = |budget| rows(&certify("0.05", budget, &["--json", "--max", "12"]).ok());
    let (small, large) = (run("100"), run("1234"));
    assert!(outcomes(&small).contains(&"abstained") && outcomes(&small).contains(&"certified"));
    for (small, large) in small.iter().zip(&large) {
        if small["sequential"]["outcome"] == json!("abstained") {
            assert_eq!(samples(small), 100);
            assert!(samples(large) > 100 && samples(large) <= 1200, "{large}");
        } else {
            assert_eq!((&small["sequential"], &small["counts"]), (&large["sequential"], &large["counts"]));
        }
    }
}

#[test]
fn the_table_and_the_summary_count_samples() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run.tsv").to_str().unwrap().to_owned();
    let plot = folder.path().join("run.svg").to_str().unwrap().to_owned();
    let text = certify("0.05", "300", &["--max", "12", "--out", &out, "--plot", &plot]).ok();
    let table = fs::read_to_string(&out).unwrap();
    let mut rows = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    assert_eq!(
        rows.next().unwrap(),
        ["idx", "label", "predict", "radius", "correct", "time", "outcome", "samples", "certificate"]
    );
    let rows: Vec<_> = rows.collect();
    let json = lines(&certify("0.05", "300", &["--json", "--max", "12"]).ok());
    for (row, line) in rows.iter().zip(&json) {
        assert_eq!(row[6], line["sequential"]["outcome"]);
        assert_eq!((row[7], row[8]), (&*samples(line).to_string(), "no"));
        let expected = if row[6] == "certified" { "0.0500001" } else { "0.0000000" };
        assert_eq!((row[3], row[2] == "-1"), (expected, row[6] != "certified"));
    }
    let mut used: Vec<u64> = json[..12].iter().map(samples).collect();
    used.sort_unstable();
    let total: u64 = used.iter().sum();
    let count =
        |outcome| json[..12].iter().filter(|row| row["sequential"]["outcome"] == json!(outcome)).count();
    let summary = &json[12]["summary"];
    assert_eq!(
        summary["sequential"],
        json!({
            "target_radius": 0.05,
            "refuted": count("refuted"),
            "abstained": count("abstained"),
            "samples": total,
            "mean_samples": total as f64 / 12.0,
            "median_samples": used[5],
        })
    );
    assert_eq!(summary["certified_accuracy"].as_object().unwrap().keys().collect::<Vec<_>>(), ["0.05"]);
    for part in [
        "until radius 0.05 is certified or out of reach, at most 300, alpha = 0.001".to_owned(),
        format!("{:.1} mean, {} median", total as f64 / 12.0, used[5]),
        format!("abstained: budget used up      {:>8}", format!("{}/12", count("abstained"))),
    ] {
        assert!(text.contains(&part), "{part} is missing in {text}");
    }
    assert!(fs::read_to_string(plot).unwrap().contains(", 12 images</text>"));
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (whole, parts) = (path("whole.tsv"), path("parts.tsv"));
    let run = |out: &str, more: &[&str]| certify("0.05", "300", &[&["--out", out], more].concat());
    let whole_summary = run(&whole, &["--max", "6"]).ok();
    run(&parts, &["--max", "3"]).ok();
    let text = fs::read_to_string(&parts).unwrap();
    fs::write(&parts, &text[..text.len() - 2]).unwrap();
    let summary = run(&parts, &["--max", "6", "--resume"]).ok();
    let rows = |path: &str| -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        let without_time = |line: &str| {
            let mut columns: Vec<_> = line.split('\t').collect();
            columns.remove(5);
            columns.join("\t")
        };
        text.lines().map(without_time).collect()
    };
    assert_eq!(rows(&parts), rows(&whole));
    let samples =
        |summary: &str| summary.lines().find(|line| line.starts_with("samples")).unwrap().to_owned();
    assert_eq!(samples(&summary), samples(&whole_summary));

    // The radius belongs to the run, and so do the columns.
    let other = ["--max", "6", "--resume", "--out", &parts];
    let error = certify("0.06", "300", &other).error(2);
    assert!(error.ends_with("target_radius: expected 0.06, found 0.05"), "{error}");
    let text = fs::read_to_string(&parts).unwrap();
    for (part, put, said) in [
        (
            "\tcertified\t",
            "\tfound\t",
            "column `outcome`: expected certified, refuted or abstained, found `found`",
        ),
        ("\tcertified\t", "\t", "8 columns, expected 9"),
        ("\tno\n", "\tyes\n", "column `certificate`: expected `no`"),
        ("\tno\n", "\n", "8 columns, expected 9"),
    ] {
        fs::write(&parts, text.replacen(part, put, 1)).unwrap();
        let error = certify("0.05", "300", &other).error(2);
        assert!(error.contains(": line ") && error.ends_with(said), "{error}");
    }
}

#[test]
fn replay_finds_equal_what_is_equal() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let records = certify("0.08", "300", &["--json", "--max", "13"]).ok();
    fs::write(&path, &records).unwrap();
    let file = path.to_str().unwrap();
    for more in [&[][..], &["--backend", "scalar", "--threads", "1", "--batch", "3"]] {
        let text = ringfence(&[&["replay", file], more].concat()).ok();
        assert!(text.ends_with("13 of 13 certificates are equal bit for bit\n"), "{text}");
        assert!(text.contains(", refuted after "), "{text}");
    }
    let mut stored = lines(&records);
    stored.truncate(2);
    for (field, value) in [
        ("outcome", json!(if outcomes(&stored)[1] == "refuted" { "abstained" } else { "refuted" })),
        ("samples", json!(samples(&stored[1]) + 1)),
        ("target_radius_units", json!(52_428)),
        ("target_radius", json!(0.06)),
    ] {
        let mut doctored = stored.clone();
        doctored[1]["sequential"][field] = value;
        fs::write(&path, doctored.iter().map(|record| format!("{record}\n")).collect::<String>()).unwrap();
        let ran = ringfence(&["replay", file, "--json"]);
        let output = lines(&ran.stdout);
        assert_eq!(output[0]["equal"], json!(true));
        assert!(
            output[1]["different"].as_object().unwrap().contains_key("sequential"),
            "{field}: {}",
            output[1]
        );
        assert_eq!(ran.error(1), "1 of 2 certificates differ");
    }
    stored[1].as_object_mut().unwrap().remove("sequential");
    fs::write(&path, stored.iter().map(|record| format!("{record}\n")).collect::<String>()).unwrap();
    let error = ringfence(&["replay", file]).error(2);
    assert!(
        error.ends_with("line 2: sequential: expected in records of this method and in no others"),
        "{error}"
    );
}

#[test]
fn seeds_and_generators_are_named() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (records, plot) = (path("records.jsonl"), path("run.svg"));
    let model = network::model().to_str().unwrap();
    let few = ["certify", model, "--target-radius", "0.05", "--budget", "300", "--max", "2"];
    for (seed, marked) in [(&[][..], false), (&["--seed", "5eed"], true)] {
        let run = |more: &[&str]| ringfence(&[&few, seed, more].concat()).ok();
        let text = run(&["--generator", "chacha8", "--plot", &plot]);
        assert!(
            text.lines().take(3).all(|line| line.split('\t').count() == if marked { 9 } else { 8 }),
            "{text}"
        );
        assert_eq!(
            text.lines().take(3).filter(|line| line.ends_with("\tno")).count(),
            if marked { 2 } else { 0 }
        );
        let said = if marked {
            "Seeds derive from a given one: this is a replay or test, not a set of certificates."
        } else {
            "Each certificate and each refutation holds with probability at least 1 - 0.001 over the noise drawn for it."
        };
        assert_eq!(text.lines().last(), Some(said));
        assert!(text.contains(", at most 300, noise of chacha8, alpha = 0.001"), "{text}");
        assert_eq!(
            fs::read_to_string(&plot).unwrap().contains(">Replay or test with a given seed. "),
            marked
        );
        fs::write(&records, run(&["--json", "--generator", "chacha8"])).unwrap();
        let replayed = ringfence(&["replay", &records]).ok();
        let mark = " samples (test with a given seed, not a certificate)\n";
        assert_eq!(replayed.matches(mark).count(), if marked { 2 } else { 0 }, "{replayed}");
    }
    // Other noise, other votes; the same on every backend.
    let run =
        |more: &[&str]| rows(&certify("0.05", "300", &[&["--json", "--max", "12"], more].concat()).ok());
    let (xoshiro, chacha) = (run(&[]), run(&["--generator", "chacha8"]));
    assert!(xoshiro.iter().zip(&chacha).any(|(a, b)| a["counts"] != b["counts"]));
    for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
        let more = ["--generator", "chacha8", "--backend", backend.name(), "--threads", "3", "--batch", "5"];
        assert_eq!(run(&more), chacha, "{backend:?}");
    }
}

#[test]
fn what_cannot_be_asked_is_said() {
    let model = network::model().to_str().unwrap();
    for target in ["0", "-0.1", "NaN", "inf", "5000"] {
        let error =
            ringfence(&["certify", model, &format!("--target-radius={target}"), "--budget", "100"]).error(2);
        assert!(error.starts_with("certificate table: target radius"), "{target}: {error}");
        assert!(error.ends_with("expected pixels, above 0 and below 4096"), "{target}: {error}");
    }
    // The largest radius that is named can be asked for.
    let error = certify("0.5", "200", &[]).error(2);
    assert!(error.contains("radius 0.5 cannot be proved with 200 votes at alpha 0.001"), "{error}");
    let reach = error.rsplit(' ').next().unwrap();
    certify(reach, "200", &["--max", "1"]).ok();
    let beyond = format!("{:.6}", reach.parse::<f64>().unwrap() + 0.001);
    assert!(certify(&beyond, "200", &["--max", "1"]).error(2).ends_with(reach));

    for (args, part) in [
        (&["--target-radius", "0.1"][..], "--budget"),
        (&["--budget", "100"], "--target-radius"),
        (&["--target-radius", "0.1", "--budget", "100", "--n", "5"], "--n"),
        (&["--target-radius", "0.1", "--budget", "100", "--n0", "5"], "--n0"),
        (&["--target-radius", "0.1", "--budget", "100", "--single-stage"], "--single-stage"),
        (&["--target-radius", "0.1", "--budget", "0"], "--budget"),
    ] {
        let error = ringfence(&[&["certify", model], args].concat()).error(2);
        assert!(error.contains(part), "{args:?}: {error}");
    }
}
