//! Several runs in one picture: the numbers are those that `certify` printed.

use std::fs;

use tempfile::tempdir;

use crate::{lines, network, ringfence};

#[test]
fn curves_and_table_are_those_of_the_runs() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (one, two, svg) = (file("one.tsv"), file("two.jsonl"), file("both.svg"));
    let model = network::model().to_str().unwrap();
    let run =
        ["certify", model, "--n0", "20", "--n", "100", "--max", "6", "--seed", "5eed", "--radii", "0,0.05"];
    let shares = |more: &[&str]| -> Vec<String> {
        let text = ringfence(&[&run, more].concat()).ok();
        let line = text.lines().filter(|line| line.ends_with(" %") && line.contains(" .. "));
        line.map(|line| line.split_whitespace().nth(2).unwrap().to_owned()).collect()
    };
    let first = shares(&["--out", &one]);
    assert_eq!(first.len(), 2);
    ringfence(&[&run[..], &["--json", "--out", &two]].concat()).ok();
    let named = format!("the <second>={two}");
    let text = ringfence(&["plot", &one, &named, "--radii", "0,0.05", "--out", &svg]).ok();
    let table: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(table[1], ["0", "0.05", "average", "R", "images"], "{text}");
    assert_eq!(
        (table[2][0], &table[2][1..3]),
        ("one", &[first[0].as_str(), first[1].as_str()][..]),
        "{text}"
    );
    // The same run in the other form.
    assert_eq!(table[2][1..], table[3][2..], "{text}");
    let json = &lines(&ringfence(&["plot", &one, &named, "--radii", "0,0.05", "--json"]).ok())[0];
    let share = json["runs"][1]["certified_accuracy"]["0.05"].as_f64().unwrap();
    assert_eq!(format!("{:.1}", 100.0 * share), first[1], "{json}");
    let drawn = fs::read_to_string(&svg).unwrap();
    assert!(
        drawn.contains(">one, 6 images</text>") && drawn.contains(">the &lt;second&gt;, 6 images</text>")
    );
    assert!(drawn.contains("Replays or tests with given seeds."));
    fs::remove_file(format!("{two}.run.json")).unwrap();
    let error = ringfence(&["plot", &two]).error(2);
    assert!(error.contains("two.jsonl.run.json"), "{error}");
}
