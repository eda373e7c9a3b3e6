//! The command line as a new user meets it: examples, names and units, colour, completions, manual pages.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use clap::{Arg, Command as Definition};
use tempfile::tempdir;

use crate::ringfence;

/// Verb, flag and reason, where name and kind of value are as elsewhere and what it does is not.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("bench", "n", "its number of selecting samples is not chosen"),
    ("predict", "n", "no sample selects, all vote"),
    ("predict", "alpha", "the error of an answer, not of a certificate"),
    ("replay", "data", "records name their data set; this one replaces it"),
    ("validate", "max", "spreads its images over the data set"),
    ("report", "seconds", "a time that a certificate may take, not one spent on timing"),
    ("compile", "out", "a model"),
    ("explain", "out", "a picture"),
    ("merge", "out", "rows of all parts"),
    ("profile", "out", "rows that never go to standard output"),
];

/// Verbs whose output is no result, but what a shell or a reader of manuals takes.
const WITHOUT_JSON: [&str; 2] = ["completions", "man"];

fn verbs() -> Vec<Definition> {
    ringfence::cli::command().get_subcommands().cloned().collect()
}

/// The commands in the examples of a help text, without their comments, which stand three spaces apart.
fn examples(help: &str) -> Vec<String> {
    let examples = help.split_once("Examples:\n").map_or("", |(_, examples)| examples);
    let examples = examples.split("\n\n").next().unwrap().replace("\\\n", " ");
    let lines = examples.lines().filter_map(|line| line.strip_prefix("  ringfence "));
    let commands = lines.flat_map(|line| {
        let squeezed = line.replace("       --", " --");
        let command = squeezed.split("   ").next().unwrap().to_owned();
        format!("ringfence {command}").split(['|', ';', '>']).map(str::to_owned).collect::<Vec<_>>()
    });
    commands
        .map(|command| command.trim().to_owned())
        .filter(|command| command.starts_with("ringfence "))
        .collect()
}

#[test]
fn every_verb_has_examples_that_the_command_line_accepts() {
    for verb in verbs() {
        let help = verb.clone().render_long_help().to_string();
        let examples = examples(&help);
        assert!(!examples.is_empty(), "{}: {help}", verb.get_name());
        assert!(
            examples.iter().any(|example| example.split(' ').nth(1) == Some(verb.get_name())),
            "{examples:?}"
        );
        for example in examples {
            let parsed = ringfence::cli::command().try_get_matches_from(example.split_whitespace());
            assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
        }
        let has_json = verb.get_arguments().any(|flag| flag.get_long() == Some("json"));
        assert_eq!(has_json, !WITHOUT_JSON.contains(&verb.get_name()), "{}", verb.get_name());
    }
    let help = ringfence(&["--help"]).ok();
    assert!(help.contains("Exit codes:\n  0  done\n  1 ") && !examples(&help).is_empty(), "{help}");
}

/// Short help, without the name of a schema.
fn meaning(flag: &Arg) -> String {
    let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    let words = help.split(' ').map(|word| if word.starts_with("ringfence.") { "SCHEMA)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_flag_means_the_same_in_every_verb() {
    let mut meanings: BTreeMap<_, (String, Option<char>, &str)> = BTreeMap::new();
    let mut exceptions = OTHERWISE.to_vec();
    let verbs = verbs();
    for verb in &verbs {
        for flag in verb.get_arguments() {
            let Some(long) = flag.get_long() else { continue };
            let values = flag.get_value_names().unwrap_or_default();
            let value = values.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
            let takes_value = flag.get_action().takes_values();
            assert_ne!((takes_value, meaning(flag).as_str()), (true, ""), "{} --{long}", verb.get_name());
            let known = exceptions.len();
            exceptions.retain(|(other, name, _)| (*other, *name) != (verb.get_name(), long));
            if exceptions.len() < known {
                continue;
            }
            let found = (meaning(flag), flag.get_short(), verb.get_name());
            let first = meanings.entry((long, value)).or_insert_with(|| found.clone());
            assert_eq!((&first.0, first.1), (&found.0, found.1), "--{long} of {} and {}", first.2, found.2);
        }
    }
    assert!(exceptions.is_empty(), "no longer needed: {exceptions:?}");
}

/// Standard output of the help, with more variables in the environment.
fn help_with(variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringfence"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    let output = command.args(["certify", "--help"]).envs(variables.iter().copied()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn colour_is_for_terminals_and_can_be_refused() {
    assert!(!help_with(&[]).contains('\u{1b}'));
    assert!(help_with(&[("CLICOLOR_FORCE", "1")]).contains('\u{1b}'));
    assert!(!help_with(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains('\u{1b}'));
}

#[test]
fn shells_complete_verbs_and_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ringfence(&["completions", shell]).ok();
        assert!(script.contains("certify") && script.contains("target-radius"), "{shell}");
    }
    let folder = tempdir().unwrap();
    let script = folder.path().join("ringfence.bash");
    fs::write(&script, ringfence(&["completions", "bash"]).ok()).unwrap();
    let complete = |words: &str, word: &str, at: u32| {
        let test = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD={at}; _ringfence ringfence {word} {words}; echo ${{COMPREPLY[@]}}",
            script.display()
        );
        let output = Command::new("bash").args(["-c", &test]).stdin(Stdio::null()).output();
        output.ok().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(verbs) = complete("ringfence cer", "cer", 1) else { return eprintln!("skipped: no bash") };
    assert_eq!(verbs, "certify");
    assert_eq!(complete("ringfence certify --target", "--target", 2).as_deref(), Some("--target-radius"));
    let error = ringfence(&["completions", "csh"]).error(2);
    assert!(error.contains("possible values: bash"), "{error}");
}

#[test]
fn every_verb_has_a_manual_page() {
    let folder = tempdir().unwrap();
    let pages = folder.path().join("man").join("man1");
    let said = ringfence(&["man", pages.to_str().unwrap()]).ok();
    let mut names: Vec<String> =
        verbs().iter().map(|verb| format!("ringfence-{}.1", verb.get_name())).collect();
    names.push("ringfence.1".to_owned());
    names.sort();
    let mut found: Vec<_> = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, names);
    assert!(said.contains(&format!("{} pages", names.len())), "{said}");
    for name in names {
        let page = fs::read_to_string(pages.join(&name)).unwrap();
        assert!(page.contains(".TH ") && page.contains("Examples:"), "{name}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(ringfence(&["man", file.to_str().unwrap()]).error(2).contains("file: cannot be made"));
}

/// What a verb writes to standard error on a terminal, which `script` (util-linux) makes.
fn on_terminal(flags: &str) -> Option<String> {
    let line = format!("{} predict --max 2 --n 20 {flags} >/dev/null", env!("CARGO_BIN_EXE_ringfence"));
    let output =
        Command::new("script").args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).output().ok()?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn quiet_leaves_the_progress_bar_out() {
    let Some(shown) = on_terminal("") else { return eprintln!("skipped: no `script`") };
    assert!(shown.contains("images"), "{shown}");
    for quiet in ["-q", "--quiet"] {
        assert_eq!(on_terminal(quiet).as_deref(), Some(""));
    }
}
