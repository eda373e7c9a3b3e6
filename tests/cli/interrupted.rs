//! Runs that end before they are done: killed, out of space, out of anywhere to write to.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::tempdir;

use crate::{certify, network, ringfence, without_times};

const IMAGES: usize = 30;

/// `certify` with few samples, to be interrupted.
fn command(out: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringfence"));
    let model = network::model().to_str().unwrap();
    let images = IMAGES.to_string();
    command.args(["certify", model, "--n0", "20", "--n", "100", "--seed", "5eed", "--max", &images]);
    command.args(["--out", out]).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Rows without their times, and without a torn last one; none where there is no file.
fn whole_rows(path: &Path) -> Vec<String> {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| line.split('\t').take(5).collect::<Vec<_>>().join("\t")).collect()
}

/// Kills after 1 to 40 ms until the run is done: about every state of the file is met in some round.
fn kill_until_done(out: &str, seed: u64, mut check: impl FnMut()) -> u32 {
    let (mut random, mut kills) = (seed, 0);
    loop {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let more: &[&str] = if Path::new(out).exists() { &["--resume"] } else { &[] };
        let mut child = command(out, more).spawn().unwrap();
        // Longer and longer, so that it ends on a slow machine too.
        let patience = 1 + (random >> 33) % 40 + u64::from(kills) * u64::from(kills) / 4;
        let mut waited = 0;
        while waited < patience && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
            waited += 1;
        }
        if let Some(status) = child.try_wait().unwrap() {
            let mut stderr = String::new();
            std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut stderr).unwrap();
            assert!(status.success(), "{stderr}");
            return kills;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        check();
    }
}

#[test]
fn killed_runs_lose_and_repeat_nothing() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let whole = path("whole.tsv");
    assert!(command(&whole, &[]).status().unwrap().success());
    let expected = whole_rows(Path::new(&whole));
    assert_eq!(expected.len(), 1 + IMAGES);
    let mut kills = 0;
    for round in 0..3 {
        let out = path(&format!("{round}.tsv"));
        let mut before = 0;
        kills += kill_until_done(&out, round, || {
            let rows = whole_rows(Path::new(&out));
            assert!(rows.len() >= before, "rows were lost");
            assert_eq!(rows, expected[..rows.len()]);
            before = rows.len();
        });
        assert_eq!(whole_rows(Path::new(&out)), expected);
    }
    assert!(kills > 3, "{kills} kills are no test");
}

/// A name may hold characters of several bytes; a kill may tear one.
#[test]
fn a_character_torn_in_two_is_cut_off() {
    let folder = tempdir().unwrap();
    let model = folder.path().join("modèle.rfm");
    fs::copy(network::model(), &model).unwrap();
    let out = folder.path().join("run.jsonl").to_str().unwrap().to_owned();
    let run = |max: &str, more: &[&str]| {
        let flags = ["certify", model.to_str().unwrap(), "--json", "--n0", "20", "--n", "100", "--seed", "1"];
        ringfence(&[&flags[..], &["--max", max, "--out", &out], more].concat())
    };
    run("3", &[]).ok();
    let text = fs::read(&out).unwrap();
    let expected = without_times(&String::from_utf8(text.clone()).unwrap());
    let torn = text.iter().enumerate().filter(|(_, byte)| **byte == "è".as_bytes()[0]).nth(2).unwrap().0;
    fs::write(&out, &text[..=torn]).unwrap();
    run("3", &["--resume"]).ok();
    assert_eq!(without_times(&fs::read_to_string(&out).unwrap())[..3], expected[..3]);
}

#[test]
fn one_file_has_one_writer() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run.tsv").to_str().unwrap().to_owned();
    certify(&["--max", "2", "--out", &out]).ok();
    let held = fs::File::open(&out).unwrap();
    held.lock().unwrap();
    let error = certify(&["--max", "3", "--out", &out, "--resume"]).error(2);
    assert!(error.ends_with("another process is writing this file"), "{error}");
    held.unlock().unwrap();
    certify(&["--max", "3", "--out", &out, "--resume"]).ok();
}

#[test]
fn a_full_standard_output_is_an_error() {
    for args in [
        &["certify", "--max", "1", "--n", "100"][..],
        &["--help"],
        &["inspect"],
        &["bench", "--seconds", "0.01"],
    ] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_ringfence")).args(args).stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: standard output: No space left on device"), "{args:?}: {stderr}");
    }
}

#[test]
fn nowhere_to_write_is_said_and_what_was_done_is_kept() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let nowhere = path("missing/run.tsv");
    let error = certify(&["--max", "1", "--out", &nowhere]).error(2);
    assert!(error.contains("run.tsv.run.json: cannot be written: No such file"), "{error}");
    let (out, plot) = (path("run.tsv"), path("missing/plot.svg"));
    let ran = certify(&["--max", "2", "--out", &out, "--plot", &plot]);
    assert!(ran.stdout.contains("2 images"));
    let error = ran.error(2);
    assert!(error.contains("plot.svg: cannot be written"), "{error}");
    assert_eq!(whole_rows(Path::new(&out)).len(), 3);
}

/// A file system of two pages, then a larger one. Needs a user namespace; says so and passes where there is none.
#[test]
fn a_full_disk_keeps_whole_rows_and_the_run_goes_on() {
    let folder = tempdir().unwrap();
    let small = folder.path().to_str().unwrap();
    let script = r#"
        mount -t tmpfs -o size=8k none "$1" || exit 77
        run() { "$2" certify "$3" --n0 20 --n 100 --seed 5eed --max 150 --out "$1/run.tsv" $4; }
        run "$1" "$2" "$3" "" >/dev/null; echo "code $?"
        cat "$1/run.tsv" | wc -l; sync; mount -o remount,size=1m "$1"
        run "$1" "$2" "$3" --resume >/dev/null; echo "code $?"
        cat "$1/run.tsv"
    "#;
    let program = env!("CARGO_BIN_EXE_ringfence");
    let model = network::model().to_str().unwrap();
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "bash", "-c", script, "bash", small, program, model])
        .output();
    let output = match output {
        Ok(output) if !output.stdout.is_empty() => output,
        other => return eprintln!("skipped, no small file system can be mounted here: {other:?}"),
    };
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(stderr.contains("run.tsv: cannot be written; --resume continues"), "{stderr}");
    assert!(stderr.contains("No space left on device"), "{stderr}");
    let mut shown = stdout.lines();
    assert_eq!(shown.next(), Some("code 2"));
    let kept: usize = shown.next().unwrap().trim().parse().unwrap();
    assert!((20..151).contains(&kept), "{kept}");
    assert_eq!(shown.next(), Some("code 0"));
    let indices: Vec<_> = shown.skip(1).map(|row| row.split('\t').next().unwrap().to_owned()).collect();
    assert_eq!(indices, (0..150).map(|index| index.to_string()).collect::<Vec<_>>());
}
