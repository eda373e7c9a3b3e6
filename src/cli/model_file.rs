//! Model files: from disk or embedded, aligned to 64 bytes.

use std::fs;
use std::path::Path;

use ringfence_runtime::{FormatError, Model};
use sha2::{Digest, Sha256};

use super::CliError;
use super::aligned::Aligned;
use super::screen::ScreenArgs;
use super::seed::to_hex;
use crate::data::Dataset;
use crate::models::EMBEDDED;

/// The bytes of a model file and the name they were asked for by.
pub(super) struct ModelFile {
    name: String,
    bytes: Bytes,
}

enum Bytes {
    Embedded(&'static [u8]),
    Read(Aligned),
}

impl ModelFile {
    /// The file at path `name`, else the embedded model of that name; without a name, the first embedded model.
    pub fn open(name: Option<&str>) -> Result<Self, CliError> {
        let Some(name) = name else {
            let first = EMBEDDED.first().ok_or_else(|| {
                CliError::Usage("no model is embedded in this build: name a model file".to_owned())
            })?;
            return Ok(Self { name: first.name.to_owned(), bytes: Bytes::Embedded(first.bytes) });
        };
        if !Path::new(name).exists()
            && let Some(embedded) = EMBEDDED.iter().find(|embedded| embedded.name == name)
        {
            return Ok(Self { name: name.to_owned(), bytes: Bytes::Embedded(embedded.bytes) });
        }
        let file = fs::read(name).map_err(|source| CliError::failed(expected(name), source))?;
        Ok(Self { name: name.to_owned(), bytes: Bytes::Read(Aligned::copy_of(&file)) })
    }

    /// The embedded model with this SHA-256.
    pub fn embedded(sha256: &str) -> Option<Self> {
        let found = EMBEDDED.iter().find(|embedded| to_hex(&Sha256::digest(embedded.bytes)) == sha256)?;
        Some(Self { name: found.name.to_owned(), bytes: Bytes::Embedded(found.bytes) })
    }

    /// The name it was asked for by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks the file and gives access to the model.
    pub fn parse(&self) -> Result<Model<'_>, CliError> {
        let bytes = match &self.bytes {
            Bytes::Embedded(bytes) => bytes,
            Bytes::Read(file) => file.bytes(),
        };
        Model::parse(bytes).map_err(|source| match source {
            FormatError::BadMagic if self.name.ends_with(".onnx") => CliError::Usage(format!(
                "{}: expected a model file (.rfm), found an ONNX network; `ringfence compile` makes a model of it",
                self.name
            )),
            source => CliError::Model { name: self.name.clone(), source },
        })
    }
}

fn expected(name: &str) -> String {
    let names: Vec<_> = EMBEDDED.iter().map(|embedded| embedded.name).collect();
    format!(
        "{name}: expected a model file (.rfm; `ringfence compile` makes one of an ONNX network) or an embedded model ({})",
        names.join(", ")
    )
}

impl ModelFile {
    /// As [`parse`](Self::parse), for a verb that knows one network and L2 radii.
    pub fn parse_plain(&self, verb: &str) -> Result<Model<'_>, CliError> {
        let model = self.parse()?;
        match model.mask() {
            None => Ok(model),
            Some(_) => Err(CliError::Usage(format!(
                "{}: a model of adaptive smoothing: {verb} takes models of plain smoothing only",
                self.name
            ))),
        }
    }
}

/// Checks that the images and classes of `data` are those the model was made for.
pub(super) fn check_fit(model: &Model<'_>, data: &dyn Dataset, screen: ScreenArgs) -> Result<(), CliError> {
    let input = model.input();
    let (shape, found) = (data.shape(), [input.channels, input.height, input.width]);
    if found != [shape.channels, shape.height, shape.width] {
        return Err(CliError::Usage(format!(
            "data set {}: images are {shape}, the model expects {}x{}x{}; --data names another",
            data.spec(),
            found[0],
            found[1],
            found[2]
        )));
    }
    let classes = data.classes();
    if classes.len() != model.classes() {
        return Err(CliError::Usage(format!(
            "data set {}: {} classes, the model has {}; --data names another",
            data.spec(),
            classes.len(),
            model.classes()
        )));
    }
    check_names(model, data, screen)
}

/// A class of the data set that the model knows under another label is an error: every answer would be counted wrong.
/// Names that the model does not know at all were chosen when it was compiled; they are only pointed out.
fn check_names(model: &Model<'_>, data: &dyn Dataset, screen: ScreenArgs) -> Result<(), CliError> {
    let names: Vec<&str> = (0..model.classes()).filter_map(|label| model.class_name(label)).collect();
    let differing = |(label, class): &(usize, &String)| names.get(*label).copied() != Some(class.as_str());
    let mut warned = false;
    for (label, class) in data.classes().iter().enumerate().filter(differing) {
        let name = names.get(label).copied().unwrap_or_default();
        let said =
            format!("data set {}: label {label} is `{class}`, in the model it is `{name}`", data.spec());
        if names.contains(&class.as_str()) {
            return Err(CliError::Usage(said));
        }
        if !warned {
            screen.warn(&said);
            warned = true;
        }
    }
    Ok(())
}
