//! The steps of a suite in a file, so that a run that was cut off can go on: one line of JSON for the settings, then one for
//! each attack, size and chunk of images, in the order of the run.

use super::Cost;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// One attack at one size on one chunk of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// The attack, or `clean`.
    pub attack: String,
    /// Size of the ball; none where the attack looks for the nearest image.
    pub epsilon: Option<f64>,
    /// The images.
    pub images: Vec<u32>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// For each image the distance of the adversarial image that was found and confirmed.
    pub found: Vec<Option<f32>>,
    /// What that cost.
    #[serde(flatten)]
    pub cost: Cost,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    key: Key,
    #[serde(flatten)]
    step: Step,
}

/// Where steps are kept; `()` keeps none.
pub trait Journal {
    /// Why it cannot.
    type Error;

    /// The step at `key` of an earlier run, if that came so far.
    ///
    /// # Errors
    /// When the earlier run took another step here.
    fn recall(&mut self, key: &Key) -> Result<Option<Step>, Self::Error>;

    /// Keeps a step.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn record(&mut self, key: &Key, step: &Step) -> Result<(), Self::Error>;
}

impl Journal for () {
    type Error = Infallible;

    fn recall(&mut self, _: &Key) -> Result<Option<Step>, Infallible> {
        Ok(None)
    }

    fn record(&mut self, _: &Key, _: &Step) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A journal in a file; without a file it keeps nothing.
#[derive(Debug, Default)]
pub struct Progress {
    file: Option<(PathBuf, File)>,
    known: VecDeque<Entry>,
}

impl Progress {
    /// A journal at `path` of a run with these settings (one line of JSON). With `resume` it goes on from what is there, if
    /// anything is; a last line that was not finished does not count.
    ///
    /// # Errors
    /// Without `resume` if there is a journal already; settings that differ, by name; lines that cannot be read.
    pub fn open(path: &Path, settings: &str, resume: bool) -> Result<Self, Error> {
        if path.exists() && !resume {
            let reason = "progress of a run that was cut off: go on with --resume, or remove it";
            return Err(Error::Settings(format!("{}: {reason}", path.display())));
        }
        let bytes = if path.exists() { fs::read(path).map_err(Error::file(path))? } else { vec![] };
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |last| last + 1);
        let text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default());
        let mut lines = text.lines();
        let head = lines.next();
        if let Some(found) = head {
            agree(path, found, settings)?;
        }
        let known = lines.map(serde_json::from_str).collect::<Result<_, _>>().map_err(Error::json(path))?;
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(Error::file(path))?;
        file.set_len(whole as u64).map_err(Error::file(path))?;
        let mut progress = Self { file: Some((path.to_owned(), file)), known };
        if head.is_none() {
            progress.write(settings.to_owned())?;
        }
        Ok(progress)
    }

    fn write(&mut self, line: String) -> Result<(), Error> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        file.write_all((line + "\n").as_bytes()).and_then(|()| file.sync_data()).map_err(Error::file(path))
    }

    /// Removes the file: the run is complete.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn remove(self) -> Result<(), Error> {
        self.file.map_or(Ok(()), |(path, _)| fs::remove_file(&path).map_err(Error::file(&path)))
    }
}

/// Whether the settings in the journal are those of this run.
fn agree(path: &Path, found: &str, asked: &str) -> Result<(), Error> {
    if found == asked {
        return Ok(());
    }
    let [there, here]: [serde_json::Map<String, serde_json::Value>; 2] = [
        serde_json::from_str(found).map_err(Error::json(path))?,
        serde_json::from_str(asked).map_err(Error::json(path))?,
    ];
    let name = here.keys().chain(there.keys()).find(|k| here.get(*k) != there.get(*k));
    let name = name.map_or("settings", String::as_str);
    let value = |of: &serde_json::Map<String, serde_json::Value>| {
        of.get(name).map_or_else(|| "none".into(), serde_json::Value::to_string)
    };
    let reason = format!("another run's: its {name} is {}, not {}", value(&there), value(&here));
    Err(Error::Settings(format!("--resume {}: {reason}", path.display())))
}

impl Journal for Progress {
    type Error = Error;

    fn recall(&mut self, key: &Key) -> Result<Option<Step>, Error> {
        match self.known.pop_front() {
            None => Ok(None),
            Some(Entry { key: known, step }) if known == *key && step.found.len() == key.images.len() => {
                Ok(Some(step))
            }
            Some(_) => {
                let path =
                    self.file.as_ref().map_or_else(String::new, |(path, _)| path.display().to_string());
                let what = format!("not a step of this run where {} was to come", key.attack);
                Err(Error::Settings(format!("--resume {path}: {what}")))
            }
        }
    }

    fn record(&mut self, key: &Key, step: &Step) -> Result<(), Error> {
        let entry = Entry { key: key.clone(), step: step.clone() };
        let line = serde_json::to_string(&entry)
            .map_err(|e| Error::Settings(format!("progress of {}: {e}", key.attack)))?;
        self.write(line)
    }
}
