//! A given seed marks every output as a replay or test; another generator is named in every record.

use std::fs;

use ringfence_runtime::Backend;
use serde_json::json;
use tempfile::tempdir;

use crate::{certify, lines, network, ringfence};

const FEW: [&str; 6] = ["--n0", "20", "--n", "100", "--max", "2"];

/// `ringfence VERB MODEL` on two images, with more arguments, that must succeed.
fn run(verb: &str, more: &[&str]) -> String {
    let few = if verb == "certify" { &FEW[..] } else { &FEW[2..] };
    ringfence(&[&[verb, network::model().to_str().unwrap()], few, more].concat()).ok()
}

/// Rows of a table, header first, up to the blank line before the summary.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().take_while(|line| !line.is_empty()).map(|line| line.split('\t').collect()).collect()
}

#[test]
fn tables_and_summaries_are_marked() {
    for (verb, said) in [
        ("certify", "Seeds derive from a given one: this is a replay or test, not a set of certificates."),
        ("predict", "Seeds derive from a given one: this is a replay or test, no statement is made."),
    ] {
        let (free, given) = (run(verb, &[]), run(verb, &["--seed", "1"]));
        assert_eq!(given.lines().last(), Some(said));
        assert!(!free.contains("replay or test") && !free.contains("certificate\n"), "{free}");
        let (free, given) = (rows(&free), rows(&given));
        assert_eq!((free.len(), given.len()), (3, 3));
        assert_eq!(given[0][..6], free[0][..]);
        assert_eq!(given[0][6..], ["certificate"]);
        assert!(free[1..].iter().all(|row| row.len() == 6));
        assert!(given[1..].iter().all(|row| row[6..] == ["no"]), "{given:?}");
    }
    // A clean pass draws nothing: there is nothing to mark.
    let clean = run("predict", &["--vote", "clean", "--seed", "1"]);
    assert!(rows(&clean)[0].len() == 6 && !clean.contains("replay or test"), "{clean}");
}

#[test]
fn files_and_pictures_are_marked() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (seed, marked) in [(&[][..], false), (&["--seed", "1"], true)] {
        let (out, plot) = (path(&format!("{marked}.tsv")), path(&format!("{marked}.svg")));
        run("certify", &[&["--out", &out, "--plot", &plot], seed].concat());
        let table = fs::read_to_string(&out).unwrap();
        assert!(rows(&table).iter().all(|row| row.len() == if marked { 7 } else { 6 }), "{table}");
        let svg = fs::read_to_string(plot).unwrap();
        assert_eq!(svg.contains(">Replay or test with a given seed. Certified accuracy: "), marked);
        assert!(svg.contains("Certified accuracy: sigma 0.1, n = 100"));
        // Rows of certificates and of tests never share a file.
        let other = if marked { &[][..] } else { &["--seed", "1"] };
        let mixed =
            [&["certify", network::model().to_str().unwrap(), "--out", &out, "--resume"], &FEW[..], other];
        assert!(ringfence(&mixed.concat()).error(2).contains("another run was started here: seed: "));
    }
}

#[test]
fn records_and_replays_are_marked() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    for (seed, source, marked) in [(&[][..], "os", false), (&["--seed", "1"], "given", true)] {
        let text = run("certify", &[&["--json"], seed].concat());
        let records = lines(&text);
        assert!(records[..2].iter().all(|record| record["seed_source"] == json!(source)));
        assert_eq!(records[2]["summary"]["certificate"], json!(!marked));
        let answers = lines(&run("predict", &[&["--json"], seed].concat()));
        assert!(answers[..2].iter().all(|answer| answer["seed_source"] == json!(source)));
        assert_eq!(answers[2]["summary"]["test"], json!(marked));
        fs::write(&path, text).unwrap();
        let replayed = ringfence(&["replay", path.to_str().unwrap()]).ok();
        let mark = " (test with a given seed, not a certificate)\n";
        assert_eq!(replayed.matches(mark).count(), if marked { 2 } else { 0 }, "{replayed}");
        let replayed = lines(&ringfence(&["replay", path.to_str().unwrap(), "--json"]).ok());
        assert!(replayed[..2].iter().all(|line| line["seed_source"] == json!(source)));
    }
}

#[test]
fn the_generator_is_named_and_gives_its_own_votes() {
    // Enough images for votes that are not unanimous.
    let votes = |more: &[&str]| {
        let records = lines(&certify(&[&["--json", "--max", "12"], more].concat()).ok());
        let (summary, records) = records.split_last().unwrap();
        let generator = summary["summary"]["generator"].clone();
        assert!(records.iter().all(|record| record["generator"] == generator));
        (generator, records.iter().map(|record| record["counts"].clone()).collect::<Vec<_>>())
    };
    let (name, xoshiro) = votes(&[]);
    assert_eq!(name, json!("xoshiro"));
    let (name, chacha) = votes(&["--generator", "chacha8"]);
    assert_eq!(name, json!("chacha8"));
    assert_ne!(xoshiro, chacha);
    for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
        let more = ["--generator", "chacha8", "--backend", backend.name(), "--threads", "3", "--batch", "5"];
        assert_eq!(votes(&more).1, chacha, "{backend:?}");
    }
    let text = run("certify", &["--generator", "chacha8"]);
    assert!(text.contains("n = 100 counted, noise of chacha8, alpha"), "{text}");
    let answers = lines(&run("predict", &["--json", "--generator", "chacha8"]));
    assert_eq!(answers[2]["summary"]["generator"], json!("chacha8"));
}
