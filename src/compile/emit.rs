//! A model file as source text, for projects that compile their data in.

use std::fmt::Write;
use std::str::FromStr;

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// A module with a static slice, aligned by the runtime's own type.
    Rust,
    /// A source and its header, for C99 and C++.
    C,
}

impl FromStr for Language {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "rust" => Ok(Self::Rust),
            "c" => Ok(Self::C),
            _ => Err("expected rust or c".to_owned()),
        }
    }
}

/// Source files for a model: extension and text.
///
/// `stem` is the name that the files will have, without extension; identifiers are made of it.
#[must_use]
pub fn emit(language: Language, stem: &str, bytes: &[u8]) -> Vec<(&'static str, String)> {
    let name = identifier(stem);
    match language {
        Language::Rust => vec![("rs", rust(bytes))],
        Language::C => vec![("h", header(&name)), ("c", source(stem, &name, bytes))],
    }
}

fn rust(bytes: &[u8]) -> String {
    let length = bytes.len();
    let list = list(bytes);
    format!(
        "// Written by ringfence compile: a model file of {length} bytes.\n\n\
         use ringfence_runtime::format::Aligned;\n\n\
         static FILE: Aligned<[u8; {length}]> = Aligned {{\n    bytes: [\n{list}    ],\n}};\n\n\
         /// The model file, for `Model::parse`.\n\
         pub static MODEL: &[u8] = &FILE.bytes;\n"
    )
}

fn header(name: &str) -> String {
    let guard = name.to_uppercase();
    format!(
        "/* Written by ringfence compile. */\n#ifndef {guard}_H\n#define {guard}_H\n\n#include <stddef.h>\n\n\
         #ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n\
         /* The model file, for ringfence_model_parse; aligned to 64 bytes where the compiler can. */\n\
         extern const unsigned char {name}[];\nextern const size_t {name}_length;\n\n\
         #ifdef __cplusplus\n}}\n#endif\n\n#endif\n"
    )
}

fn source(stem: &str, name: &str, bytes: &[u8]) -> String {
    let length = bytes.len();
    let list = list(bytes);
    format!(
        "/* Written by ringfence compile: a model file of {length} bytes. */\n#include \"{stem}.h\"\n\n\
         #ifdef __GNUC__\n__attribute__((aligned(64)))\n#endif\n\
         const unsigned char {name}[{length}] = {{\n{list}}};\n\nconst size_t {name}_length = {length};\n"
    )
}

/// The bytes, comma by comma, in lines of 24.
fn list(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(5 * bytes.len());
    for line in bytes.chunks(24) {
        text.push_str("       ");
        for byte in line {
            // Writing to a string does not fail.
            let _ = write!(text, " {byte},");
        }
        text.push('\n');
    }
    text
}

/// A name for C made of a file's name: letters, digits and underscores, not starting with a digit.
fn identifier(stem: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = stem.chars().map(allowed).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("model_{name}") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    /// The numbers between an opening and the next closing bracket.
    fn numbers(text: &str, open: &str, close: char) -> Vec<u8> {
        let inside = text.split_once(open).unwrap().1.split_once(close).unwrap().0;
        let items = inside.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(|item| item.parse().unwrap()).collect()
    }

    #[test]
    fn sources_hold_the_bytes() {
        let bytes: Vec<u8> = (0..=255).chain([7; 3]).collect();
        let [(extension, rust)] = &emit(Language::Rust, "net", &bytes)[..] else { panic!() };
        assert_eq!(*extension, "rs");
        assert_eq!(numbers(rust, "bytes: [", ']'), bytes);
        assert!(rust.contains("Aligned<[u8; 259]>"));
        let [("h", header), ("c", source)] = &emit(Language::C, "Net-8.v2", &bytes)[..] else { panic!() };
        assert_eq!(numbers(source, "= {", '}'), bytes);
        assert!(
            source.contains("#include \"Net-8.v2.h\"")
                && source.contains("const size_t net_8_v2_length = 259;")
        );
        assert!(header.contains("extern const unsigned char net_8_v2[];") && header.contains("NET_8_V2_H"));
    }

    #[test]
    fn identifiers_are_those_of_c() {
        assert_eq!(["8bit", "é", "_x", "a b"].map(identifier), ["model_8bit", "model__", "model__x", "a_b"]);
    }
}
