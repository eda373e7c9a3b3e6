//! Commands of README, book and training queue are ones that the command line accepts. They are not run: most take minutes to hours.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use ringfence_trainer::cli::Cli;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// README and every page of the book.
fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.chain([root().join("README.md")]).collect()
}

/// What stands behind the program's name in a line, without a comment; none if the line runs another program.
fn arguments(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("$ ").split(" # ").next()?;
    let (program, rest) = match line.split_once("-p ringfence-trainer -- ") {
        Some((cargo, rest)) if cargo.starts_with("cargo run ") => ("ringfence-trainer", rest),
        _ => line.split_once(' ')?,
    };
    (program.rsplit('/').next() == Some("ringfence-trainer")).then(|| rest.trim().to_owned())
}

/// Lines of all fenced blocks.
fn fenced(text: &str) -> Vec<String> {
    let blocks = text.split("\n```").skip(1).step_by(2);
    blocks
        .flat_map(|block| block.replace("\\\n", " ").lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn accept(page: &Path, lines: impl Iterator<Item = String>) -> usize {
    let commands: Vec<String> = lines.filter_map(|line| arguments(&line)).collect();
    for command in &commands {
        let words = std::iter::once("ringfence-trainer").chain(command.split_whitespace());
        let parsed = Cli::try_parse_from(words.map(|word| word.trim_matches('\'')));
        assert!(parsed.is_ok(), "{}: {command}: {}", page.display(), parsed.unwrap_err());
    }
    commands.len()
}

#[test]
fn commands_of_readme_and_book_are_accepted() {
    let count: usize =
        pages().iter().map(|page| accept(page, fenced(&fs::read_to_string(page).unwrap()).into_iter())).sum();
    assert!(count >= 15, "{count}");
}

#[test]
fn commands_of_the_queue_are_accepted() {
    let page = root().join("models/TRAINING.md");
    let text = fs::read_to_string(&page).unwrap();
    // Those in backticks that are whole: "the same with `--method x`" is not.
    assert!(accept(&page, text.split('`').map(str::to_owned)) >= 15);
}

#[test]
fn a_flag_that_is_not_there_is_found() {
    let line = "cargo run --release -p ringfence-trainer -- train --no-such-flag 1";
    let found = std::panic::catch_unwind(|| accept(Path::new("page"), [line.to_owned()].into_iter()));
    assert!(found.is_err());
}
