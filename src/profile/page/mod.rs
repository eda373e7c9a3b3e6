//! One self-contained HTML page: the document and a script that draws it. Nothing is loaded from anywhere.

use super::document::Document;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: [&str; 3] = [include_str!("plot.js"), include_str!("tables.js"), include_str!("page.js")];

/// The page of a document.
///
/// # Errors
/// A number that JSON cannot hold; never seen.
pub fn html(document: &Document) -> serde_json::Result<String> {
    // Inside a script element only `<` could end it early; in JSON it stands in strings alone.
    let data = serde_json::to_string(document)?.replace('<', "\\u003c");
    let parts = [("/*STYLE*/", STYLE), ("/*SCRIPT*/", &SCRIPT.concat()), ("/*DATA*/", &data)];
    // Data come last: nothing in them is replaced.
    Ok(parts.iter().fold(PAGE.to_owned(), |page, (mark, part)| page.replacen(mark, part, 1)))
}
