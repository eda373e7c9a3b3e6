//! PREDICT (Cohen et al. 2019): the smoothed class, or an abstention.

use super::{Counts, Error, Image, Smoother, top};
use crate::certificate::Lookup;
use crate::format::{CertificateTable, Method};
use crate::noise::{Purpose, Seed};

/// What PREDICT answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// The top class is significantly ahead of the second: it is the smoothed classifier's but for
    /// probability alpha.
    Class {
        /// The class.
        class: usize,
        /// Votes per class.
        counts: Counts,
    },
    /// The two top classes are too close.
    Abstained {
        /// Votes per class.
        counts: Counts,
    },
}

impl Prediction {
    /// Tests the counts with a table of [`Method::Predict`] for at least as many votes.
    pub fn new(table: &impl Lookup, counts: Counts) -> Self {
        let class = top(&counts);
        let others = counts.iter().enumerate().filter(|(other, _)| *other != class);
        let second = others.map(|(_, &count)| count).max().unwrap_or(0);
        let first = counts.get(class).copied().unwrap_or(0);
        if table.is_significant(first, first.saturating_add(second)) {
            Self::Class { class, counts }
        } else {
            Self::Abstained { counts }
        }
    }

    /// The class, if there is one.
    pub fn class(&self) -> Option<usize> {
        match self {
            Self::Class { class, .. } => Some(*class),
            Self::Abstained { .. } => None,
        }
    }

    /// Votes per class.
    pub fn counts(&self) -> &Counts {
        match self {
            Self::Class { counts, .. } | Self::Abstained { counts } => counts,
        }
    }
}

impl Smoother<'_, '_, '_> {
    /// PREDICT with `n` samples of [`Purpose::Vote`] and the model's table for this alpha (bit for bit) and
    /// at least `n` votes.
    pub fn predict(
        &mut self,
        image: &Image<'_>,
        n: u32,
        alpha: f64,
        seed: &Seed,
    ) -> Result<Prediction, Error> {
        let (method, alpha_bits) = (Method::Predict, alpha.to_bits());
        let fits = |table: &CertificateTable<'_>| {
            table.method() == method && table.alpha_bits() == alpha_bits && table.n() >= n
        };
        let table = self.model().certificates().find(fits);
        let table = table.ok_or(Error::NoTable { method, n0: 0, n, alpha_bits })?;
        self.predict_with(image, n, &table, seed)
    }

    /// PREDICT with `n` samples and any table of [`Method::Predict`] for at least `n` votes.
    pub fn predict_with(
        &mut self,
        image: &Image<'_>,
        n: u32,
        table: &CertificateTable<'_>,
        seed: &Seed,
    ) -> Result<Prediction, Error> {
        if table.method() != Method::Predict {
            return Err(Error::TableMethod { found: table.method() });
        }
        if n == 0 {
            return Err(Error::NoSamples);
        }
        if table.n() < n {
            let alpha_bits = table.alpha_bits();
            return Err(Error::NoTable { method: Method::Predict, n0: 0, n, alpha_bits });
        }
        let counts = self.tally(image, seed, Purpose::Vote, 0..n)?;
        Ok(Prediction::new(table, counts))
    }
}
