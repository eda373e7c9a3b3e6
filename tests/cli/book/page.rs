//! A page of Markdown: fenced blocks, links, pictures, the anchors of its headings.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use markdown::mdast::Node;
use markdown::{ParseOptions, to_mdast};

/// A fenced block.
pub struct Block {
    /// What stands behind the fence.
    pub language: String,
    pub text: String,
}

/// One file.
#[derive(Default)]
pub struct Page {
    pub path: PathBuf,
    pub blocks: Vec<Block>,
    /// Targets of links and pictures.
    pub links: Vec<String>,
    pub anchors: HashSet<String>,
}

impl Page {
    pub fn read(path: &Path) -> Self {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut page = Self { path: path.to_owned(), ..Self::default() };
        page.add(&to_mdast(&text, &ParseOptions::gfm()).unwrap());
        page
    }

    /// What a node and all within it hold.
    fn add(&mut self, node: &Node) {
        match node {
            Node::Code(code) => {
                let language = code.lang.clone().unwrap_or_default();
                self.blocks.push(Block { language, text: code.value.clone() + "\n" });
            }
            Node::Link(link) => self.links.push(link.url.clone()),
            Node::Image(image) => self.links.push(image.url.clone()),
            Node::Heading(_) => self.add_anchor(&node.to_string()),
            _ => {}
        }
        node.children().into_iter().flatten().for_each(|child| self.add(child));
    }

    /// Letters, digits, `-` and `_` of a heading in lower case, spaces as `-`; a number behind the second of a name.
    fn add_anchor(&mut self, heading: &str) {
        let kept = heading.trim().chars().filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
            _ => None,
        });
        let anchor: String = kept.collect();
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone()).chain(numbered).find(|name| !self.anchors.contains(name));
        self.anchors.extend(free);
    }

    /// The name for messages.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap().to_string_lossy().into_owned()
    }
}
