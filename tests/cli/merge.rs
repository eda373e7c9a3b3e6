//! Parts of a run, joined: the file of one process, byte for byte, or an error that names what is wrong.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::{certify, profile::profile};

/// A verb with more arguments.
type Verb<'v> = &'v dyn Fn(&[&str]);

/// Runs a verb in parts and at once; all files.
fn run(folder: &Path, run: Verb<'_>, more: &[&str], name: &str) -> (Vec<String>, String) {
    let path = |part: &str| folder.join(format!("{name}.{part}")).to_str().unwrap().to_owned();
    let whole = path("whole");
    run(&[more, &["--out", &whole]].concat());
    let parts = (1..=3).map(|index| {
        let (out, shard) = (path(&index.to_string()), format!("{index}/3"));
        run(&[more, &["--out", &out, "--shard", &shard]].concat());
        out
    });
    (parts.collect(), whole)
}

fn merge(parts: &[&String], out: &str) -> crate::Ran {
    let parts: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
    crate::ringfence(&[&["merge"], &parts[..], &["--out", out]].concat())
}

#[test]
fn joined_parts_are_the_file_of_one_process() {
    let folder = tempdir().unwrap();
    let attacked = folder.path().join("attacked.bin");
    fs::write(&attacked, [vec![3; 3073], vec![5; 3073]].concat()).unwrap();
    let attacked = ["--max", "8", "--untimed", "--attacked", attacked.to_str().unwrap()];
    let certify = |args: &[&str]| drop(certify(args).ok());
    let profile = |args: &[&str]| drop(profile(args).ok());
    let cases: [(&str, Verb<'_>, &[&str]); 4] = [
        ("rows", &certify, &["--max", "10", "--untimed"]),
        ("skip", &certify, &["--max", "7", "--skip", "3", "--untimed", "--single-stage"]),
        ("json", &certify, &["--max", "8", "--untimed", "--json", "--threads", "2"]),
        ("profile", &profile, &attacked),
    ];
    for (name, verb, more) in cases {
        let (parts, whole) = run(folder.path(), verb, more, name);
        let out = folder.path().join(format!("{name}.merged")).to_str().unwrap().to_owned();
        // In whatever order they are given.
        let said = merge(&[&parts[2], &parts[0], &parts[1]], &out).ok();
        assert!(said.ends_with("images of 3 parts\n"), "{said}");
        // The summary that a finished run of JSON lines ends with; the others have nothing to add.
        verb(&[more, &["--out", &out, "--resume"]].concat());
        assert_eq!(fs::read(&out).unwrap(), fs::read(&whole).unwrap(), "{name}");
        let settings = |path: &str| fs::read_to_string(format!("{path}.run.json")).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&settings(&out)).unwrap(),
            serde_json::from_str::<serde_json::Value>(&settings(&whole)).unwrap()
        );
    }
}

#[test]
fn parts_that_do_not_belong_together_are_named() {
    let folder = tempdir().unwrap();
    let go = |args: &[&str]| drop(certify(args).ok());
    let (parts, whole) = run(folder.path(), &go, &["--max", "7", "--untimed"], "run");
    let (other, _) = run(folder.path(), &go, &["--max", "7", "--untimed", "--alpha", "0.01"], "other");
    let (longer, _) = run(folder.path(), &go, &["--max", "9", "--untimed"], "longer");
    let out = folder.path().join("out").to_str().unwrap().to_owned();
    let error = |parts: &[&String]| {
        let error = merge(parts, &out).error(2);
        assert!(!Path::new(&out).exists());
        error
    };
    assert_eq!(error(&[&parts[0], &parts[2]]), "missing parts: 2/3");
    let twice = error(&[&parts[0], &parts[1], &parts[2], &parts[1]]);
    assert_eq!(twice, format!("{}: part 2/3 is also in {}", parts[1], parts[1]));
    let mixed = error(&[&parts[0], &other[1], &parts[2]]);
    assert_eq!(
        mixed,
        format!("{}: not of the run of {}: alpha: expected 0.001, found 0.01", other[1], parts[0])
    );
    assert!(error(&[&parts[0], &longer[1], &parts[2]]).ends_with("it is part 2/3 of other images"));
    assert_eq!(error(&[&whole]), format!("{whole}: not a part: its run was not cut with --shard"));
    let text = fs::read_to_string(&parts[1]).unwrap();
    fs::write(&parts[1], &text[..text.len() - 3]).unwrap();
    let unfinished = error(&[&parts[0], &parts[1], &parts[2]]);
    assert_eq!(
        unfinished,
        format!("{}: part 2/3: 1 of 2 images are missing; --resume finishes it", parts[1])
    );
    let alien = fs::read_to_string(&parts[0]).unwrap().lines().last().unwrap().to_owned();
    fs::write(&parts[1], format!("{text}{alien}\n")).unwrap();
    assert!(error(&[&parts[0], &parts[1], &parts[2]]).ends_with("part 2/3: image 6 does not belong to it"));
    // A part is continued as that part.
    let resumed =
        certify(&["--max", "7", "--untimed", "--out", &parts[2], "--resume", "--shard", "2/3"]).error(2);
    assert!(resumed.contains("another run was started here: shard: expected"), "{resumed}");
    assert!(certify(&["--shard", "4/3", "--out", &out]).error(2).contains("expected I/N with 1 <= I <= N"));
}
