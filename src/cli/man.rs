//! `ringfence man`: the help of all verbs as manual pages.

use std::io::Write;
use std::path::PathBuf;

use super::lines::failed;
use super::{CliError, command};

const EXAMPLES: &str = "\
Examples:
  ringfence man ~/.local/share/man/man1      then: man ringfence-certify
  ringfence man pages; man -l pages/ringfence.1";

/// Write manual pages, one for each verb
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Folder to write them to; made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Runs the verb.
///
/// # Errors
/// A folder that cannot be made or written to; standard output.
pub fn run(args: Args) -> Result<(), CliError> {
    let folder = args.folder;
    std::fs::create_dir_all(&folder).map_err(failed(&folder, "cannot be made"))?;
    let command = command().disable_help_subcommand(true);
    let pages = 1 + command.get_subcommands().count();
    clap_mangen::generate_to(command, &folder).map_err(failed(&folder, "cannot be written"))?;
    Ok(writeln!(std::io::stdout(), "{}: {pages} pages, ringfence.1 first", folder.display())?)
}
