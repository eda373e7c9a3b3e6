//! The command from outside: verbs, files, exit codes, and the numbers they give.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod adaptive;
mod audit;
mod bench;
#[cfg(unix)]
mod book;
mod browser;
mod certify;
mod device;
mod failures;
mod help;
mod interrupted;
mod marks;
mod merge;
mod network;
mod plot;
mod predict;
mod profile;
mod replay;
mod sequential;

use std::process::{Command, Stdio};

use serde_json::Value;

/// What a run of the command came to.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// Standard output of a run that must have succeeded.
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        assert_eq!(self.stderr, "");
        self.stdout
    }

    /// The error of a run that must have failed with `code`: one line without its `error: `.
    fn error(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        let line = self.stderr.strip_suffix('\n').unwrap().to_owned();
        assert!(!line.contains('\n'), "{line}");
        line.strip_prefix("error: ").unwrap().to_owned()
    }
}

fn ringfence(args: &[&str]) -> Ran {
    let output =
        Command::new(env!("CARGO_BIN_EXE_ringfence")).args(args).stdin(Stdio::null()).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// `ringfence certify MODEL` with few samples, a seed and `more`.
fn certify(more: &[&str]) -> Ran {
    let model = network::model().to_str().unwrap();
    let few = ["certify", model, "--n0", "20", "--n", "100", "--seed", "5eed"];
    ringfence(&[&few, more].concat())
}

/// The objects of JSON lines.
fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// JSON lines without the times, which alone may differ between runs.
fn without_times(text: &str) -> Vec<Value> {
    let mut lines = lines(text);
    for line in &mut lines {
        line.as_object_mut().unwrap().remove("time_s");
    }
    lines
}
