//! `ringfence completions`: what a shell needs to complete verbs, flags and their values.

use std::io::Write;

use clap_complete::Shell;

use super::{CliError, command};

const EXAMPLES: &str = "\
Examples:
  ringfence completions bash > ~/.local/share/bash-completion/completions/ringfence
  ringfence completions zsh > ~/.zfunc/_ringfence                        with ~/.zfunc in $fpath
  ringfence completions fish > ~/.config/fish/completions/ringfence.fish";

/// Print the completion script of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the verb.
///
/// # Errors
/// Standard output.
pub fn run(args: Args) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "ringfence", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}
