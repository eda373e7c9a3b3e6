//! The page of a profile in a browser: no errors, every plot drawn, in light and dark, wide and narrow.
//!
//! Needs a Chromium: the one that `RINGFENCE_CHROMIUM` names, or one of the usual names on the path. Without, it says so and
//! passes.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;

use crate::profile::profile;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

const PLOTS: [&str; 7] = [
    "plot-accuracy",
    "plot-certified",
    "plot-radius",
    "plot-latency",
    "plot-pareto",
    "plot-anytime",
    "plot-layers",
];

fn chromium() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("RINGFENCE_CHROMIUM") {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|path| path.is_file())
}

/// The page after its script, and what it wrote to the console.
fn open(chromium: &Path, page: &Path, folder: &Path, width: u32) -> (String, String) {
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"])
        .arg(format!("--user-data-dir={}", folder.join("user").display()))
        .arg(format!("--window-size={width},2000"))
        .args(["--virtual-time-budget=2000", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let console = String::from_utf8_lossy(&output.stderr);
    let console = console.lines().filter(|line| line.contains("CONSOLE")).collect::<Vec<_>>().join("\n");
    (String::from_utf8(output.stdout).unwrap(), console)
}

/// The part of the page that is one plot.
fn plot<'p>(page: &'p str, id: &str) -> &'p str {
    let start = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("{id} is not there"));
    let end = page[start..].find("</svg>").unwrap();
    &page[start..start + end]
}

#[test]
fn a_browser_draws_every_plot() {
    let Some(chromium) = chromium() else {
        eprintln!("skipped: no Chromium on the path, and RINGFENCE_CHROMIUM is not set");
        return;
    };
    let folder = tempdir().unwrap();
    let page = folder.path().join("page.html");
    profile(&["--max", "10", "--target-radius", "0.05", "--html", page.to_str().unwrap()]).ok();
    let text = std::fs::read_to_string(&page).unwrap();
    for outside in ["http://", "https://", "src=", "@import", "fetch("] {
        let found = text.replace("http://www.w3.org/2000/svg", "").contains(outside);
        assert!(!found, "the page holds {outside}");
    }
    for width in [400, 1200] {
        let (drawn, console) = open(&chromium, &page, folder.path(), width);
        assert_eq!(console, "", "at {width} pixels");
        for id in PLOTS {
            let plot = plot(&drawn, id);
            let marks = plot.matches("class=\"mark\"").count() + plot.matches("class=\"line\"").count();
            assert!(marks > 0, "{id} at {width} pixels has no marks");
            assert!(!plot.contains("NaN") && !plot.contains("undefined"), "{id}: {plot}");
        }
        assert!(drawn.contains("Recommended: N = "), "no recommendation");
    }
    // A page whose script fails must not pass.
    let broken = folder.path().join("broken.html");
    std::fs::write(&broken, text.replace("subject();", "subjects();")).unwrap();
    assert!(open(&chromium, &broken, folder.path(), 800).1.contains("subjects is not defined"));
}
