//! Every chapter is in the table of contents, every link within the project leads somewhere, every picture is there.

use std::path::Path;

use super::page::Page;
use super::{chapters, pages, root};

#[test]
fn every_chapter_is_listed_once() {
    let summary = Page::read(&root().join("docs/SUMMARY.md"));
    let mut listed = summary.links.clone();
    listed.sort();
    let names: Vec<_> = chapters().iter().map(Page::name).collect();
    assert_eq!(listed, names);
}

/// Why a link of a page leads nowhere.
fn fault(page: &Page, link: &str) -> Option<String> {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() { page.path.clone() } else { page.path.parent()?.join(file) };
    if !target.exists() {
        return Some("no such file".to_owned());
    }
    let anchor = anchor?;
    let found = Page::read(&target).anchors;
    (!found.contains(anchor)).then(|| format!("no heading of that name; there are {found:?}"))
}

#[test]
fn every_link_leads_somewhere() {
    let mut checked = 0;
    for page in pages().iter().chain([&Page::read(&root().join("docs/SUMMARY.md"))]) {
        for link in page.links.iter().filter(|link| !link.starts_with("https://")) {
            assert!(!link.contains("://"), "{}: {link}", page.name());
            if let Some(fault) = fault(page, link) {
                panic!("{}: {link}: {fault}", page.name());
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = Page::read(&root().join("docs/cli.md"));
    assert_eq!(fault(&page, "#data-sets"), None);
    assert!(fault(&page, "#data-settings").is_some());
    assert!(fault(&page, "soundness.md#nothing").is_some());
    assert!(fault(&page, "nothing.md").is_some());
}

#[test]
fn every_picture_is_shown() {
    let shown: Vec<_> = pages().iter().flat_map(|page| page.links.clone()).collect();
    for entry in std::fs::read_dir(root().join("docs/images")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_picture = [".svg", ".png"].iter().any(|end| name.ends_with(end));
        let is_shown =
            shown.iter().any(|link| Path::new(link).file_name().is_some_and(|file| *file == *name));
        assert!(!is_picture || is_shown, "{name}");
    }
}
