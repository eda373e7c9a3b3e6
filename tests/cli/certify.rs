//! `certify`: the same numbers whatever computes them, files that can be continued, documented output.

use std::fs;
use std::path::Path;

use ringfence::compile::Options;
use ringfence::data::{self, Split};
use ringfence_runtime::smooth::{Budget, Image, Seed, Smoother};
use ringfence_runtime::{Backend, Model};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{certify, lines, network, ringfence, without_times};

/// Rows of JSON output, without the summary.
fn rows(text: &str) -> Vec<Value> {
    let mut lines = without_times(text);
    assert!(lines.pop().unwrap().get("summary").is_some());
    lines
}

/// Lines of a table file without their times, the sixth column.
fn table(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let timeless = |line: &str| {
        let mut columns: Vec<_> = line.split('\t').collect();
        columns.remove(5);
        columns.join("\t")
    };
    text.lines().map(timeless).collect()
}

#[test]
fn nothing_that_computes_changes_a_number() {
    let expected = rows(
        &certify(&["--json", "--max", "6", "--threads", "1", "--batch", "1", "--backend", "scalar"]).ok(),
    );
    assert_eq!(expected.len(), 6);
    let votes = |row: &Value| row["counts"].as_array().unwrap().iter().filter(|n| **n != json!(0)).count();
    assert!(expected.iter().any(|row| votes(row) > 1), "unanimous votes would hide differences");
    assert!(expected.iter().any(|row| row["predict"] != json!(-1)), "nothing is certified");
    for threads in ["1", "2", "3"] {
        for batch in ["3", "16"] {
            let found = certify(&["--json", "--max", "6", "--threads", threads, "--batch", batch]).ok();
            assert_eq!(rows(&found), expected, "{threads} threads, batch {batch}");
        }
    }
    for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
        let found = certify(&["--json", "--max", "6", "--backend", backend.name()]).ok();
        assert_eq!(rows(&found), expected, "{backend:?}");
    }
}

/// The command draws votes in parallel parts; the runtime draws them in one go.
#[test]
fn records_hold_what_the_runtime_certifies() {
    let model = Model::parse(network::bytes()).unwrap();
    let mut arena = vec![0; model.arena_bytes(4)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let data = data::open("signs", Split::Test).unwrap();
    let mut chw = vec![0; data.shape().bytes()];
    for (flags, budget) in [
        (vec!["--n0", "100", "--n", "100"], Budget::two_stage(100, 100, 0.001)),
        (vec!["--single-stage", "--n", "200"], Budget::single_stage(200, 0.001)),
    ] {
        let model_file = network::model().to_str().unwrap();
        let args = [vec!["certify", model_file, "--json", "--skip", "7", "--max", "4"], flags].concat();
        for row in rows(&ringfence(&args).ok()) {
            let label = data.read(row["idx"].as_u64().unwrap() as usize, &mut chw).unwrap();
            let image = Image::chw(&chw, 3, 32, 32).unwrap();
            let seed = Seed(bytes_of(row["seed"].as_str().unwrap()));
            let outcome = smoother.certify(&image, budget, &seed).unwrap();
            assert_eq!(row["counts"], json!(outcome.counts().to_vec()));
            let certificate = outcome.certificate();
            assert_eq!(row["predict"], json!(certificate.map_or(-1, |c| c.class as i64)));
            assert_eq!(row["radius_units"], json!(certificate.map_or(0, |c| c.radius.units())));
            assert_eq!(row["correct"], json!(u8::from(certificate.is_some_and(|c| c.class == label))));
        }
    }
}

/// The same files on a device, which has no other tables.
#[test]
fn a_model_certifies_with_the_tables_it_was_compiled_with() {
    let tables = ["two-stage:7:60:0.01", "single-stage:50:0.02", "predict:40:0.1"];
    let tables = tables.map(|table| table.parse().unwrap()).to_vec();
    let file = network::compiled(Options { images: 2, tables, ..Options::new(0.1) });
    let model = Model::parse(&file).unwrap();
    let mut arena = vec![0; model.arena_bytes(4)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let mut chw = vec![0; 3072];
    data::open("signs", Split::Test).unwrap().read(3, &mut chw).unwrap();
    let (image, seed) = (Image::chw(&chw, 3, 32, 32).unwrap(), Seed([5; 32]));
    for budget in [Budget::two_stage(7, 60, 0.01), Budget::single_stage(50, 0.02)] {
        let votes = smoother.certify(&image, budget, &seed).unwrap().counts().iter().sum::<u32>();
        assert_eq!(votes, budget.table(&model).unwrap().n());
    }
    assert!(smoother.predict(&image, 40, 0.1, &seed).is_ok());
    for other in [Budget::two_stage(7, 60, 0.001), Budget::two_stage(8, 60, 0.01), Budget::samples(1000)] {
        assert!(smoother.certify(&image, other, &seed).is_err());
    }
}

fn bytes_of(hex: &str) -> [u8; 32] {
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

#[test]
fn votes_do_not_depend_on_where_a_run_starts() {
    let all = rows(&certify(&["--json", "--max", "9"]).ok());
    let some = rows(&certify(&["--json", "--max", "3", "--skip", "4"]).ok());
    assert_eq!(some, [all[0].clone(), all[4].clone(), all[8].clone()]);
}

#[test]
fn seeds_come_from_the_system_unless_given() {
    let model = network::model().to_str().unwrap();
    let run = || lines(&ringfence(&["certify", model, "--json", "--max", "2", "--n", "100"]).ok());
    let (first, second) = (run(), run());
    let seeds = [&first[0]["seed"], &first[1]["seed"], &second[0]["seed"], &second[1]["seed"]];
    for (i, seed) in seeds.iter().enumerate() {
        assert_eq!(seed.as_str().unwrap().len(), 64);
        assert!(!seeds[..i].contains(seed));
    }
    assert_eq!(first[0]["seed_source"], json!("os"));
    assert_eq!(first[2]["summary"]["certificate"], json!(true));
    assert_eq!(first[2]["summary"]["seed"], Value::Null);

    let given = lines(&certify(&["--json", "--max", "1"]).ok());
    assert_eq!(given[0]["seed_source"], json!("given"));
    assert_eq!(given[1]["summary"]["certificate"], json!(false));
    assert_eq!(given[1]["summary"]["seed"], json!(format!("{}5eed", "0".repeat(60))));
    let text = certify(&["--max", "1"]).ok();
    assert!(text.contains("this is a replay or test, not a set of certificates"), "{text}");
}

#[test]
fn json_lines_have_the_documented_fields() {
    let output = lines(&certify(&["--json", "--max", "3", "--radii", "0,0.1,0.125"]).ok());
    assert_eq!(output.len(), 4);
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    for (idx, row) in output[..3].iter().enumerate() {
        assert_eq!(
            names(row),
            "alpha correct counts data generator idx image_sha256 label method model model_sha256 n n0 norm \
             predict radius radius_255 radius_units schema seed seed_source selection sigma split time_s unit \
             version"
        );
        assert_eq!(row["idx"], json!(idx));
        let sum =
            |field: &str| row[field].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
        assert_eq!((sum("selection"), sum("counts")), (20, 100));
        assert_eq!(
            (&row["schema"], &row["version"], &row["generator"], &row["norm"], &row["unit"]),
            (
                &json!("ringfence.certify/1"),
                &json!(env!("CARGO_PKG_VERSION")),
                &json!("xoshiro"),
                &json!("L2"),
                &json!("pixel")
            )
        );
        let units = row["radius_units"].as_u64().unwrap() as f64;
        let radius = row["radius"].as_f64().unwrap();
        assert!(radius <= units / 1_048_576.0 && units / 1_048_576.0 - radius < 1e-7);
        assert_eq!(
            (&row["sigma"], &row["alpha"], &row["method"]),
            (&json!(0.1), &json!(0.001), &json!("two-stage"))
        );
    }
    let summary = &output[3]["summary"];
    assert_eq!(output[3]["schema"], json!("ringfence.certify/1"));
    assert_eq!(
        names(summary),
        "abstain alpha arena_bytes average_certified_radius backend batch certificate certified_accuracy data \
         generator images interval_95 method model model_sha256 n n0 norm sample_arena_bytes seed sigma split threads \
         us_per_sample wrong"
    );
    assert_eq!(names(&summary["certified_accuracy"]), "0.00 0.10 0.125");
    let model = Model::parse(network::bytes()).unwrap();
    let batch = if summary["backend"] == json!("amx") { 16 } else { 8 };
    assert_eq!(
        (&summary["batch"], &summary["arena_bytes"]),
        (&json!(batch), &json!(model.arena_bytes(batch)))
    );
    let correct = output[..3].iter().filter(|row| row["correct"] == json!(1)).count();
    assert_eq!(summary["certified_accuracy"]["0.00"], json!(correct as f64 / 3.0));
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (whole, parts) = (path("whole.tsv"), path("parts.tsv"));
    certify(&["--max", "7", "--out", &whole]).ok();
    certify(&["--max", "3", "--out", &parts]).ok();
    // As if the machine had stopped in the middle of a line.
    let text = fs::read_to_string(&parts).unwrap();
    fs::write(&parts, &text[..text.len() - 9]).unwrap();
    let summary = certify(&["--max", "7", "--out", &parts, "--resume"]).ok();
    assert_eq!(table(Path::new(&parts)), table(Path::new(&whole)));
    assert_eq!(table(Path::new(&whole))[0], "idx\tlabel\tpredict\tradius\tcorrect\tcertificate");
    assert!(summary.contains("7 images"), "{summary}");
    // Nothing is left to do.
    certify(&["--max", "7", "--out", &parts, "--resume"]).ok();
    assert_eq!(table(Path::new(&parts)), table(Path::new(&whole)));
}

#[test]
fn json_files_go_on_too_and_keep_one_summary() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run.jsonl").to_str().unwrap().to_owned();
    certify(&["--json", "--max", "2", "--out", &out]).ok();
    let last = certify(&["--json", "--max", "5", "--out", &out, "--resume"]).ok();
    let text = fs::read_to_string(&out).unwrap();
    assert_eq!(rows(&text), rows(&certify(&["--json", "--max", "5"]).ok()));
    assert_eq!(text.lines().last().unwrap(), last.trim_end());
    assert_eq!(lines(&text)[5]["summary"]["images"], json!(5));
}

#[test]
fn a_run_is_continued_only_as_it_was_started() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run.tsv").to_str().unwrap().to_owned();
    certify(&["--max", "1", "--out", &out]).ok();
    let error = certify(&["--max", "2", "--out", &out]).error(2);
    assert!(error.starts_with(&out) && error.contains("--resume"), "{error}");
    let error = certify(&["--max", "2", "--out", &out, "--resume", "--split", "train"]).error(2);
    assert!(error.ends_with("split: expected \"train\", found \"test\""), "{error}");
    let error = certify(&["--max", "2", "--out", &out, "--resume", "--single-stage"]).error(2);
    assert!(error.contains("another run was started here"), "{error}");
    let error = certify(&["--max", "2", "--out", &out, "--resume", "--generator", "chacha8"]).error(2);
    assert!(error.ends_with("generator: expected \"chacha8\", found \"xoshiro\""), "{error}");

    fs::write(&out, fs::read_to_string(&out).unwrap().replace("idx\t", "id\t")).unwrap();
    let error = certify(&["--max", "2", "--out", &out, "--resume"]).error(2);
    assert!(error.contains("line 1: expected the header"), "{error}");
    fs::write(&out, "idx\tlabel\tpredict\tradius\tcorrect\ttime\tcertificate\n0\t1\tx\t0\t0\t0\tno\n")
        .unwrap();
    let error = certify(&["--max", "2", "--out", &out, "--resume"]).error(2);
    assert!(error.contains("line 2: column `predict`"), "{error}");
    fs::remove_file(format!("{out}.run.json")).unwrap();
    let error = certify(&["--max", "2", "--out", &out, "--resume"]).error(2);
    assert!(error.contains("run.json: the settings of the run to resume cannot be read"), "{error}");
}

#[test]
fn the_summary_counts_its_rows_and_a_picture_is_drawn() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (out, plot) = (path("run.tsv"), path("run.svg"));
    let text = certify(&["--max", "8", "--out", &out, "--plot", &plot]).ok();
    let column = |name: usize| {
        table(Path::new(&out))[1..]
            .iter()
            .map(|row| row.split('\t').nth(name).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let correct = column(4).iter().filter(|value| *value == "1").count();
    let abstained = column(2).iter().filter(|value| *value == "-1").count();
    assert!(text.contains(&format!("{correct}/8")) && text.contains(&format!("{abstained}/8")), "{text}");
    assert!(text.contains("us a noisy sample") && text.contains("bytes a thread"), "{text}");
    let svg = fs::read_to_string(plot).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains(", 8 images</text>"));
}
