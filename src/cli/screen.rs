//! What goes to standard error beside errors: progress bars, on a terminal, and warnings.

use std::io::Write;

use indicatif::{ProgressBar, ProgressStyle};

/// Whether there is any of it.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct ScreenArgs {
    /// Show no progress bar and no warnings
    #[arg(short, long)]
    quiet: bool,
}

impl ScreenArgs {
    /// A bar of unknown length.
    pub fn bar(self, what: &'static str) -> ProgressBar {
        if self.quiet {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}, {eta} left");
        let bar = ProgressBar::new(0).with_message(what);
        // The template is a constant; the plain style would serve if it were refused.
        if let Ok(style) = style { bar.with_style(style) } else { bar }
    }

    /// One line that is no error.
    pub fn warn(self, text: &str) {
        if !self.quiet {
            // A warning that nobody can read stops no run.
            let _ = writeln!(std::io::stderr(), "warning: {text}");
        }
    }
}
