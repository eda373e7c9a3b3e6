//! The table of attacks.

use super::found;
use super::{
    Aim, Apgd, Ascent, Carlini, Ddn, DeepFool, Fmn, Found, Goal, Inside, Loss, Norm, Oracle, Pgd, Square,
    Start,
};
use crate::error::Error;
use crate::methods::Batch;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// An attack with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[allow(missing_docs)] // each is documented at its type
pub enum Attack {
    Ascent(Ascent),
    Apgd(Apgd),
    Square(Square),
    DeepFool(DeepFool),
    Ddn(Ddn),
    Carlini(Carlini),
    Fmn(Fmn),
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Name on the command line and in reports.
    pub name: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    /// Norms it works in.
    pub norms: &'static [Norm],
    /// What it asks the classifier for.
    pub access: &'static str,
    /// The attack with its usual numbers in a norm.
    pub make: fn(Norm) -> Attack,
}

const BOTH: &[Norm] = &[Norm::Linf, Norm::L2];

fn ascent(norm: Norm, steps: u32, share: f64, start: Start) -> Ascent {
    let pgd = Pgd { norm, epsilon: 1.0, step: share, steps, start };
    Ascent { pgd, loss: Loss::CrossEntropy, aim: Aim::Away, restarts: 1 }
}

const CARLINI: Carlini = Carlini {
    goal: Goal::F6,
    inside: Inside::Tanh,
    kappa: 0.0,
    steps: 1000,
    rate: 0.01,
    searches: 9,
    weight: 1e-3,
};

macro_rules! entry {
    ($name:literal, $paper:literal, $norms:expr, $access:literal, $make:expr) => {
        Entry { name: $name, paper: $paper, norms: $norms, access: $access, make: $make }
    };
}

/// Every attack, cheap ones first. Steps of ascents are given as shares of the ball.
#[rustfmt::skip]
pub const ATTACKS: &[Entry] = &[
    entry!("fgsm", "Goodfellow et al. 2015, arXiv:1412.6572", BOTH, "gradient", |n| Attack::Ascent(ascent(n, 1, 1.0, Start::Image))),
    entry!("r-fgsm", "Wong et al. 2020, arXiv:2001.03994", BOTH, "gradient", |n| Attack::Ascent(ascent(n, 1, 1.25, Start::Uniform))),
    entry!("bim", "Kurakin et al. 2017, arXiv:1607.02533", BOTH, "gradient", |n| Attack::Ascent(ascent(n, 10, 0.25, Start::Image))),
    entry!("pgd-7", "Madry et al. 2018, arXiv:1706.06083", BOTH, "gradient", |n| Attack::Ascent(ascent(n, 7, 0.25, Start::Uniform))),
    entry!("pgd-20", "Madry et al. 2018, arXiv:1706.06083", BOTH, "gradient", |n| Attack::Ascent(ascent(n, 20, 0.25, Start::Uniform))),
    entry!("cw-20", "Madry et al. 2018: PGD on the margin", BOTH, "gradient",
        |n| Attack::Ascent(Ascent { loss: Loss::Margin, ..ascent(n, 20, 0.25, Start::Uniform) })),
    entry!("multi-targeted", "Gowal et al. 2019, arXiv:1910.09338", BOTH, "gradient",
        |n| Attack::Ascent(Ascent { aim: Aim::EachClass, ..ascent(n, 20, 0.25, Start::Uniform) })),
    entry!("apgd-ce", "Croce and Hein 2020, arXiv:2003.01690", BOTH, "gradient",
        |norm| Attack::Apgd(Apgd { norm, steps: 100, restarts: 1, loss: Loss::CrossEntropy, targets: 0 })),
    entry!("apgd-dlr", "Croce and Hein 2020, arXiv:2003.01690", BOTH, "gradient",
        |norm| Attack::Apgd(Apgd { norm, steps: 100, restarts: 1, loss: Loss::LogitRatio, targets: 0 })),
    entry!("apgd-t", "Croce and Hein 2020, arXiv:2003.01690", BOTH, "gradient",
        |norm| Attack::Apgd(Apgd { norm, steps: 100, restarts: 1, loss: Loss::LogitRatio, targets: 9 })),
    entry!("deepfool", "Moosavi-Dezfooli et al. 2016, arXiv:1511.04599", BOTH, "gradient",
        |norm| Attack::DeepFool(DeepFool { norm, steps: 50, overshoot: 0.02, candidates: 10 })),
    entry!("ddn", "Rony et al. 2019, arXiv:1811.09600", &[Norm::L2], "gradient",
        |_| Attack::Ddn(Ddn { steps: 100, gamma: 0.05, start: 1.0 })),
    entry!("fmn", "Pintor et al. 2021, arXiv:2102.12827", BOTH, "gradient",
        |norm| Attack::Fmn(Fmn { norm, steps: 100, step: 1.0, gamma: 0.05 })),
    entry!("carlini", "Carlini and Wagner 2017, arXiv:1608.04644", &[Norm::L2], "gradient", |_| Attack::Carlini(CARLINI)),
    entry!("square", "Andriushchenko et al. 2020, arXiv:1912.00049", &[Norm::Linf], "logits",
        |_| Attack::Square(Square { queries: 5000, share: 0.8 })),
];

/// The entry called `name`, which must work in `norm`.
///
/// # Errors
/// Listing the known names, or the norms.
pub fn attack(name: &str, norm: Norm) -> Result<&'static Entry, Error> {
    let known = || ATTACKS.iter().map(|e| e.name).collect::<Vec<_>>().join(", ");
    let found = ATTACKS.iter().find(|e| e.name == name);
    let found =
        found.ok_or_else(|| Error::Settings(format!("--attacks {name}: unknown; expected {}", known())))?;
    if found.norms.contains(&norm) {
        return Ok(found);
    }
    let norms: Vec<String> = found.norms.iter().map(Norm::to_string).collect();
    Err(Error::Settings(format!("--attacks {name}: works in {}, not in {norm}", norms.join(", "))))
}

/// Names of lists of attacks; `all` is every attack.
pub const SUITES: &[(&str, &[&str])] = &[
    ("quick", &["fgsm", "pgd-20", "cw-20", "apgd-ce"]),
    ("standard", &["apgd-ce", "apgd-t", "square"]),
    ("rand", &["apgd-ce", "apgd-dlr"]),
    ("all", &[]),
];

/// The attacks of the list called `name` that work in `norm`.
///
/// # Errors
/// Listing the known names.
pub fn suite(name: &str, norm: Norm) -> Result<Vec<&'static Entry>, Error> {
    let (_, members) = SUITES.iter().find(|(n, _)| *n == name).ok_or_else(|| {
        let known: Vec<&str> = SUITES.iter().map(|(n, _)| *n).collect();
        Error::Settings(format!("--suite {name}: unknown; expected {}", known.join(", ")))
    })?;
    if name == "all" {
        return Ok(ATTACKS.iter().filter(|e| e.norms.contains(&norm)).collect());
    }
    let found = members.iter().filter_map(|m| ATTACKS.iter().find(|e| e.name == *m));
    Ok(found.filter(|e| e.norms.contains(&norm)).collect())
}

impl Attack {
    /// Whether it looks for the nearest image: then one search serves every size of the ball.
    #[must_use]
    pub fn is_minimal(&self) -> bool {
        match self {
            Self::Ascent(_) | Self::Apgd(_) | Self::Square(_) => false,
            Self::DeepFool(_) | Self::Ddn(_) | Self::Carlini(_) | Self::Fmn(_) => true,
        }
    }

    /// For each image of `batch` one within `epsilon` that is given another class than `labels`, or some image if none was
    /// found; and whether it was. Attacks that [look for the nearest image](Self::is_minimal) ignore `epsilon` in their search.
    #[must_use]
    pub fn run(
        &self,
        oracle: &Oracle,
        batch: &Batch,
        labels: &[i32],
        epsilon: f64,
    ) -> (Tensor<4>, Vec<bool>) {
        let images = &batch.images;
        let within = |found: Found| {
            let reached = found.distances.iter().map(|d| found::within(*d, epsilon)).collect();
            (found.images, reached)
        };
        match self {
            Self::Ascent(a) => a.run(oracle, batch, labels, epsilon),
            Self::Apgd(a) => a.run(oracle, batch, labels, epsilon),
            Self::Square(a) => a.run(oracle, batch, labels, epsilon),
            Self::DeepFool(a) => within(a.run(oracle, images, labels)),
            Self::Ddn(a) => within(a.run(oracle, images, labels)),
            Self::Carlini(a) => within(a.run(oracle, images, labels)),
            Self::Fmn(a) => within(a.run(oracle, images, labels)),
        }
    }
}
