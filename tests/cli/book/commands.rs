//! Commands of README and book. In a block of `sh`, every line is run and must succeed; in one of `console`, lines behind
//! `$ ` are run and must print what stands below them. There `...` is any lines and `[..]` anything within one.
//!
//! Lines of other programs are left out, a few of ringfence are only parsed; both are listed, with the reason.

use snapbox::{Assert, IntoData};

use super::page::{Block, Page};
use super::pages;
use super::workshop::Workshop;

/// Programs whose lines are not run.
const OTHERS: &[(&str, &str)] = &[
    ("cargo", "builds"),
    ("rustup", "downloads a toolchain"),
    ("curl", "downloads a data set"),
    ("make", "builds for a board"),
    ("cd", "leads to builds"),
    ("BOARD=mps2-an386", "builds for a board"),
    ("CARGO_PROFILE_RELEASE_LTO=fat", "builds for a board"),
    ("timeout", "emulates a board; .ci/c-api and .ci/cortex-m do the same"),
    ("./certify", "the C program; .ci/c-api runs it"),
    ("fuzz/run", "takes half an hour and a nightly compiler"),
    ("mdbook", "may not be there"),
    ("ringfence-trainer", "needs trained networks, and its crate is not built here"),
    ("target/release/ringfence-trainer", "the same, with a GPU"),
];

/// Programs that show or change what ringfence wrote.
const LOOKING: [&str; 2] = ["cat", "sed"];

/// Page, start of a line of ringfence that is parsed and not run, and why.
const PARSED: &[(&str, &str, &str)] = &[
    ("ars.md", "ringfence certify models/signs-scene64", "minutes: a thousand copies of 2000 images each"),
    ("soundness.md", "ringfence audit", "hours: an attack on two thousand certificates"),
    ("training.md", "ringfence compile c10-int8.onnx", "needs a network of `ringfence-trainer quantise`"),
    ("training.md", "ringfence compile ars.onnx", "needs the two networks of a training run"),
];

/// A line to run and, in a transcript, what it prints.
struct Command {
    line: String,
    printed: Option<String>,
}

fn commands(block: &Block) -> Vec<Command> {
    let text = block.text.replace("\\\n", " ");
    match block.language.as_str() {
        "sh" => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            lines.map(|line| Command { line: line.to_owned(), printed: None }).collect()
        }
        "console" => {
            let text = format!("\n{text}");
            let parts = text.split("\n$ ").skip(1).map(|part| part.split_once('\n').unwrap_or((part, "")));
            parts
                .map(|(line, printed)| Command { line: line.to_owned(), printed: Some(whole(printed)) })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// What is printed ends with a line end.
fn whole(printed: &str) -> String {
    let printed = printed.trim_end_matches('\n');
    if printed.is_empty() { String::new() } else { format!("{printed}\n") }
}

/// The line as one of the program under test, or nothing where it is one of another program.
fn ours(page: &Page, line: &str) -> Option<String> {
    if let Some(arguments) = line.strip_prefix("cargo run --release -- ") {
        return Some(format!("ringfence {arguments}"));
    }
    let program = line.split_whitespace().next().unwrap();
    if program == "ringfence" || LOOKING.contains(&program) {
        return Some(line.to_owned());
    }
    assert!(OTHERS.iter().any(|(other, _)| *other == program), "{}: what is `{line}`?", page.name());
    None
}

fn parse(line: &str) -> Result<(), String> {
    let words = line.split(" #").next().unwrap().split_whitespace();
    let parsed = ringfence::cli::command().try_get_matches_from(words);
    parsed.map(|_| ()).map_err(|error| error.to_string())
}

/// Runs a line; the reason why it is not as the page says.
fn run(workshop: &Workshop, command: &Command, line: &str) -> Result<(), String> {
    let (code, found) = workshop.run(line);
    let failed = command.printed.iter().flat_map(|text| text.lines()).any(|line| line.starts_with("error: "));
    if (code != 0) != failed {
        return Err(format!("exit code {code}\n{found}"));
    }
    let Some(printed) = &command.printed else { return Ok(()) };
    let same = Assert::new().try_eq(None, found.into_data(), printed.into_data());
    same.map_err(|difference| difference.to_string())
}

#[test]
fn every_command_runs_and_prints_what_is_shown() {
    let (mut parsed, mut ran, mut faults) = (Vec::new(), 0, Vec::new());
    for page in pages() {
        let workshop = Workshop::open();
        for command in page.blocks.iter().flat_map(commands) {
            let Some(line) = ours(&page, &command.line) else { continue };
            let is_for =
                |(name, start, _): &&(&str, &str, &str)| page.name() == *name && line.starts_with(start);
            let result = if let Some(entry) = PARSED.iter().find(is_for) {
                parsed.push(entry);
                parse(&line)
            } else {
                ran += 1;
                run(&workshop, &command, &line)
            };
            faults.extend(result.err().map(|fault| format!("{}: {line}\n{fault}", page.name())));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(PARSED.iter().all(|entry| parsed.contains(&entry)), "an entry of PARSED is no longer needed");
    assert!(ran > 50, "{ran} commands");
}

#[test]
fn every_program_that_is_left_out_is_needed() {
    let pages = pages();
    let lines: Vec<_> = pages.iter().flat_map(|page| page.blocks.iter().flat_map(commands)).collect();
    for (program, _) in OTHERS {
        let is_used = lines.iter().any(|command| command.line.split(' ').next() == Some(*program));
        assert!(is_used, "{program}");
    }
}

#[test]
fn a_transcript_that_differs_is_found() {
    let workshop = Workshop::open();
    let try_one = |line: &str, printed: &str| {
        run(&workshop, &Command { line: line.to_owned(), printed: Some(printed.to_owned()) }, line)
    };
    let two = "echo one; echo two";
    for same in ["one\ntwo\n", "...\ntwo\n", "o[..]\ntwo\n"] {
        assert_eq!(try_one(two, same), Ok(()));
    }
    for other in ["one\n", "one\nthree\n", "error: one\n"] {
        assert!(try_one(two, other).is_err(), "{other}");
    }
    assert!(try_one("echo one; exit 1", "one\n").is_err());
    assert_eq!(try_one("echo error: none; exit 2", "error: none\n"), Ok(()));
    assert!(parse("ringfence certify --no-such-flag").is_err());
}
