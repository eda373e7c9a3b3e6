//! One answer by vote.

use std::time::Instant;

use clap::ValueEnum;
use ringfence_runtime::Model;
use ringfence_runtime::smooth::{Image, Vote};
use serde::Serialize;

use crate::cli::CliError;
use crate::cli::seed::{SeedPlan, to_hex};
use crate::cli::tables::Terms;
use crate::cli::voting::Workers;
use crate::report::{SeedSource, TSV_TEST};

/// How samples vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rule {
    /// One pass over the image itself, no noise
    Clean,
    /// Each sample gives one vote to its class
    Prediction,
    /// Each sample gives its classes points by rank, each rank half of the one before
    Weighted,
    /// Each sample gives its class probabilities
    Soft,
}

/// What is asked of an image.
pub(super) enum Task<'a> {
    /// Cohen's PREDICT with these least significant counts.
    Predict(Terms<'a>),
    /// The class of the image itself.
    Clean,
    /// The winner of a vote.
    Vote(Vote),
}

impl Rule {
    pub fn task(self) -> Task<'static> {
        match self {
            Self::Clean => Task::Clean,
            Self::Prediction => Task::Vote(Vote::Prediction),
            Self::Weighted => Task::Vote(Vote::Weighted),
            Self::Soft => Task::Vote(Vote::Soft),
        }
    }
}

/// Header line of the table, without its line end.
pub(super) const TSV_HEADER: &str = "idx\tlabel\tpredict\tclass\tcorrect\tseconds";

/// One answer; the fields are those of the JSON lines.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// Index in the split; none for a picture.
    pub idx: Option<usize>,
    /// True class, where it is known.
    pub label: Option<usize>,
    /// The answer, -1 for an abstention.
    pub predict: i64,
    /// Name of the answer.
    pub class: Option<String>,
    /// 1 if `predict` equals `label`, else 0, where that is known.
    pub correct: Option<u8>,
    /// Votes or points of each class; empty for a clean pass.
    pub scores: Vec<u64>,
    /// Seed of this image, 64 hexadecimal digits; none for a clean pass.
    pub seed: Option<String>,
    /// Where the seed came from; none for a clean pass.
    pub seed_source: Option<SeedSource>,
    /// Hash of the image's bytes, channel-height-width.
    pub image_sha256: String,
    /// Wall seconds.
    pub time_s: f64,
}

impl Answer {
    /// One line of the table, without its line end; marked if the seed was given.
    pub fn to_tsv(&self) -> String {
        let or_dash = |number: Option<usize>| number.map_or("-".to_owned(), |number| number.to_string());
        format!(
            "{}\t{}\t{}\t{}\t{}\t{:.6}{}",
            or_dash(self.idx),
            or_dash(self.label),
            self.predict,
            self.class.as_deref().unwrap_or("-"),
            or_dash(self.correct.map(usize::from)),
            self.time_s,
            if self.seed_source == Some(SeedSource::Given) { TSV_TEST } else { "" }
        )
    }
}

/// Gives answers.
pub(super) struct Oracle<'m, 'a, 's> {
    pub model: &'m Model<'a>,
    pub workers: Workers<'m, 'a, 's>,
    pub task: Task<'a>,
    /// Samples an image.
    pub n: u32,
    pub seeds: SeedPlan,
}

impl Oracle<'_, '_, '_> {
    /// Whether noise is drawn from a given seed, so that answers hold no statement.
    pub fn is_test(&self) -> bool {
        !matches!(self.task, Task::Clean) && self.seeds.source() == SeedSource::Given
    }

    /// The answer for an image, whose index and label are given where it has them.
    pub fn answer(&mut self, chw: &[u8], place: Option<(usize, usize)>) -> Result<Answer, CliError> {
        let start = Instant::now();
        let input = self.model.input();
        let image = Image::chw(chw, input.channels, input.height, input.width)
            .map_err(|error| CliError::failed("image", error))?;
        let (idx, label) = (place.map(|(idx, _)| idx), place.map(|(_, label)| label));
        let seed = self.seeds.seed(idx.unwrap_or(0))?;
        let (class, scores) = match &self.task {
            Task::Predict(terms) => {
                let prediction = self.workers.predict(&image, &seed, terms)?;
                let counts = prediction.counts().iter().map(|&count| u64::from(count)).collect();
                (prediction.class(), counts)
            }
            Task::Clean => (Some(self.workers.classify(&image)?), Vec::new()),
            Task::Vote(vote) => {
                let verdict = self.workers.vote(&image, &seed, self.n, *vote)?;
                (Some(verdict.class), verdict.scores.to_vec())
            }
        };
        let drawn = !matches!(self.task, Task::Clean);
        Ok(Answer {
            idx,
            label,
            predict: class.map_or(-1, |class| class as i64),
            class: class.and_then(|class| self.model.class_name(class)).map(str::to_owned),
            correct: label.map(|label| u8::from(class == Some(label))),
            scores,
            seed: drawn.then(|| to_hex(&seed.0)),
            seed_source: drawn.then(|| self.seeds.source()),
            image_sha256: to_hex(&image.sha256()),
            time_s: start.elapsed().as_secs_f64(),
        })
    }
}
