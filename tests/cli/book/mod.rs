//! README and book: commands run, transcripts are what is printed, links and pictures are there.

mod commands;
mod links;
mod page;
mod workshop;

use std::path::{Path, PathBuf};

use self::page::Page;

/// Where README.md lies.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The chapters of the book: all of docs/ but the table of contents.
fn chapters() -> Vec<Page> {
    let files = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let is_chapter =
        |path: &PathBuf| path.extension().is_some_and(|end| end == "md") && !path.ends_with("SUMMARY.md");
    let mut paths: Vec<_> = files.filter(is_chapter).collect();
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}

/// README and chapters.
fn pages() -> Vec<Page> {
    let mut pages = vec![Page::read(&root().join("README.md"))];
    pages.extend(chapters());
    pages
}
