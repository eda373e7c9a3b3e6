//! The table of attacks.

use super::found;
use super::{
    Aim, AnPgd, Apgd, Ascent, Boundary, Carlini, CarliniMax, CarliniZero, Craft, Ddn, DeepFool, Estimator,
    Fab, Fmn, FoscPgd, Found, Goal, HopSkipJump, Inside, Jsma, Lbfgs, Loss, Nattack, Nes, Norm, Oracle, Pgd,
    Probe, Saliency, Sampling, Spread, Square, SquareL2, Start, Transfer, Zoo,
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
    SquareL2(SquareL2),
    DeepFool(DeepFool),
    Ddn(Ddn),
    Carlini(Carlini),
    Fmn(Fmn),
    Fab(Fab),
    Lbfgs(Lbfgs),
    Jsma(Jsma),
    CarliniZero(CarliniZero),
    CarliniMax(CarliniMax),
    AnPgd(AnPgd),
    FoscPgd(FoscPgd),
    Nes(Nes),
    Nattack(Nattack),
    Zoo(Zoo),
    Boundary(Boundary),
    HopSkipJump(HopSkipJump),
    Sampling(Sampling),
    Transfer(Transfer),
}

/// An attack of a suite.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    /// Its name in the report.
    pub name: &'static str,
    /// The attack.
    pub attack: Attack,
    /// How it estimates gradients of a randomised classifier, if not as the suite does.
    pub estimator: Option<Estimator>,
    /// From how many draws, if not from the suite's.
    pub draws: Option<u32>,
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
    /// How it estimates gradients of a randomised classifier, and from how many draws, where that is what it is.
    pub estimate: Option<(Estimator, u32)>,
    /// The attack with its usual numbers in a norm.
    pub make: fn(Norm) -> Attack,
}

impl Entry {
    /// The attack with its usual numbers, for a suite.
    #[must_use]
    pub fn planned(&self, norm: Norm) -> Planned {
        let (estimator, draws) = self.estimate.unzip();
        Planned { name: self.name, attack: (self.make)(norm), estimator, draws }
    }

    /// Whether it crafts on networks that have to be given.
    #[must_use]
    pub fn needs_sources(&self) -> bool {
        self.norms.first().is_some_and(|norm| match (self.make)(*norm) {
            Attack::Transfer(transfer) => transfer.craft != Craft::Substitute,
            _ => false,
        })
    }
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

const fn nes(norm: Norm, probe: Probe) -> Nes {
    Nes { norm, probe, loss: Loss::Margin, pairs: 50, reach: 0.01, steps: 100, step: 0.1 }
}

/// Carlini and Wagner's numbers for L-infinity.
const CARLINI_MAX: CarliniMax = CarliniMax {
    inner: Carlini { rate: 5e-3, searches: 40, weight: 1e-5, ..CARLINI },
    most: 20.0,
    shrink: 0.9,
};

fn fab(norm: Norm, targets: usize) -> Attack {
    Attack::Fab(Fab { norm, steps: 100, restarts: 1, targets, bias: 0.1, reach: 1.05, back: 0.9 })
}

fn transfer(norm: Norm, craft: Craft) -> Attack {
    Attack::Transfer(Transfer { craft, ascent: ascent(norm, 20, 0.25, Start::Uniform) })
}

fn jsma(of: Saliency) -> Attack {
    Attack::Jsma(Jsma { of, theta: 1.0, share: 0.4, targets: 1 })
}

macro_rules! entry {
    ($name:literal, $paper:literal, $norms:expr, $access:literal, $make:expr) => {
        entry!($name, $paper, $norms, $access, None, $make)
    };
    ($name:literal, $paper:literal, $norms:expr, $access:literal, $estimate:expr, $make:expr) => {
        Entry { name: $name, paper: $paper, norms: $norms, access: $access, estimate: $estimate, make: $make }
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
    entry!("epgd", "Nemcovsky et al. 2019, arXiv:1911.07198", BOTH, "gradient", Some((Estimator::Loss, 8)),
        |n| Attack::Ascent(ascent(n, 7, 0.25, Start::Uniform))),
    entry!("smoothadv-pgd", "Salman et al. 2019, arXiv:1906.04584", &[Norm::L2], "gradient", Some((Estimator::Probability, 32)),
        |n| Attack::Ascent(ascent(n, 20, 0.1, Start::Image))),
    entry!("fosc-pgd", "Wang et al. 2019, ICML", BOTH, "gradient",
        |n| Attack::FoscPgd(FoscPgd { pgd: ascent(n, 20, 0.25, Start::Uniform).pgd, threshold: 0.01, restarts: 1 })),
    entry!("an-pgd", "Ding et al. 2020, arXiv:1812.02637", BOTH, "gradient",
        |n| Attack::AnPgd(AnPgd { pgd: ascent(n, 10, 0.25, Start::Uniform).pgd, most: 1.05, halvings: 10 })),
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
    entry!("smoothadv-ddn", "Salman et al. 2019, arXiv:1906.04584", &[Norm::L2], "gradient", Some((Estimator::Probability, 32)),
        |_| Attack::Ddn(Ddn { steps: 100, gamma: 0.05, start: 1.0 })),
    entry!("fmn", "Pintor et al. 2021, arXiv:2102.12827", BOTH, "gradient",
        |norm| Attack::Fmn(Fmn { norm, steps: 100, step: 1.0, gamma: 0.05 })),
    entry!("fab", "Croce and Hein 2020, arXiv:1907.02044", BOTH, "gradient", |n| fab(n, 0)),
    entry!("fab-t", "Croce and Hein 2020, arXiv:1907.02044", BOTH, "gradient", |n| fab(n, 9)),
    entry!("jsma-f", "Papernot et al. 2016, arXiv:1511.07528", &[Norm::Linf], "gradient", |_| jsma(Saliency::F)),
    entry!("jsma-z", "Papernot et al. 2016, arXiv:1511.07528", &[Norm::Linf], "gradient", |_| jsma(Saliency::Z)),
    entry!("lbfgs", "Szegedy et al. 2014, arXiv:1312.6199", &[Norm::L2], "gradient",
        |_| Attack::Lbfgs(Lbfgs { targets: 1, searches: 9, weight: 1e-2, steps: 100, memory: 10 })),
    entry!("carlini", "Carlini and Wagner 2017, arXiv:1608.04644", &[Norm::L2], "gradient", |_| Attack::Carlini(CARLINI)),
    entry!("carlini-linf", "Carlini and Wagner 2017, arXiv:1608.04644", &[Norm::Linf], "gradient", |_| Attack::CarliniMax(CARLINI_MAX)),
    entry!("carlini-l0", "Carlini and Wagner 2017, arXiv:1608.04644", &[Norm::L2], "gradient",
        |_| Attack::CarliniZero(CarliniZero { inner: CARLINI, share: 0.3 })),
    entry!("square", "Andriushchenko et al. 2020, arXiv:1912.00049", BOTH, "logits", |n| match n {
        Norm::Linf => Attack::Square(Square { queries: 5000, share: 0.8 }),
        Norm::L2 => Attack::SquareL2(SquareL2 { queries: 5000, share: 0.1 }),
    }),
    entry!("transfer", "Szegedy et al. 2014, arXiv:1312.6199", BOTH, "sources", |n| transfer(n, Craft::Each)),
    entry!("ensemble", "Liu et al. 2017, arXiv:1611.02770", BOTH, "sources", |n| transfer(n, Craft::Together)),
    entry!("substitute", "Papernot et al. 2017, arXiv:1602.02697", BOTH, "classes", |n| transfer(n, Craft::Substitute)),
    entry!("random", "Athalye et al. 2018, arXiv:1802.00420", BOTH, "logits",
        |norm| Attack::Sampling(Sampling { norm, spread: Spread::Ball, draws: 1000 })),
    entry!("nes", "Ilyas et al. 2018, arXiv:1804.08598", BOTH, "logits", |norm| Attack::Nes(nes(norm, Probe::Normal))),
    entry!("spsa", "Uesato et al. 2018, arXiv:1802.05666", BOTH, "logits", |norm| Attack::Nes(nes(norm, Probe::Signs))),
    entry!("nattack", "Li et al. 2019, arXiv:1905.00441", &[Norm::Linf], "logits",
        |_| Attack::Nattack(Nattack { population: 300, sigma: 0.1, rate: 0.008, steps: 400 })),
    entry!("zoo", "Chen et al. 2017, arXiv:1708.03999", &[Norm::L2], "logits",
        |_| Attack::Zoo(Zoo { coordinates: 128, reach: 1.0 / 255.0, steps: 1000, rate: 2e-3, searches: 5, weight: 0.1 })),
    entry!("boundary", "Brendel et al. 2018, arXiv:1712.04248", &[Norm::L2], "classes",
        |_| Attack::Boundary(Boundary { steps: 5000, around: 0.01, towards: 0.01, tries: 100 })),
    entry!("hopskipjump", "Chen et al. 2020, arXiv:1904.02144", BOTH, "classes",
        |norm| Attack::HopSkipJump(HopSkipJump { norm, steps: 64, probes: 100, most: 10_000, tries: 100 })),
];

/// Named lists of attacks, beside `all`. `standard` and `rand` are those of Croce and Hein 2020 (arXiv:2003.01690; `rand` for
/// randomised classifiers, there with 20 draws).
pub const SUITES: &[(&str, &[&str])] = &[
    ("quick", &["fgsm", "pgd-20", "cw-20", "apgd-ce"]),
    ("standard", &["apgd-ce", "apgd-t", "fab-t", "square"]),
    ("rand", &["apgd-ce", "apgd-dlr"]),
];

/// The attacks of the suite called `name`, each of which must work in `norm`; of `all`, those of the table that do and need no
/// other networks.
///
/// # Errors
/// Listing the known names; or naming an attack that does not work in `norm`.
pub fn suite(name: &str, norm: Norm) -> Result<Vec<&'static Entry>, Error> {
    if name == "all" {
        return Ok(ATTACKS.iter().filter(|e| e.norms.contains(&norm) && !e.needs_sources()).collect());
    }
    let Some((_, attacks)) = SUITES.iter().find(|s| s.0 == name) else {
        let known: Vec<&str> = SUITES.iter().map(|s| s.0).collect();
        return Err(Error::Settings(format!(
            "--suite {name}: unknown; expected {} or all",
            known.join(", ")
        )));
    };
    attacks.iter().map(|name| attack(name, norm)).collect()
}

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

impl Attack {
    /// Whether it looks for the nearest image: then one search serves every size of the ball.
    #[must_use]
    pub fn is_minimal(&self) -> bool {
        match self {
            Self::Ascent(_)
            | Self::Apgd(_)
            | Self::Square(_)
            | Self::SquareL2(_)
            | Self::Fab(_)
            | Self::Jsma(_)
            | Self::AnPgd(_)
            | Self::FoscPgd(_)
            | Self::Nes(_)
            | Self::Nattack(_)
            | Self::Sampling(_)
            | Self::Transfer(_) => false,
            Self::DeepFool(_)
            | Self::Ddn(_)
            | Self::Carlini(_)
            | Self::CarliniMax(_)
            | Self::CarliniZero(_)
            | Self::Fmn(_)
            | Self::Lbfgs(_)
            | Self::Zoo(_)
            | Self::Boundary(_)
            | Self::HopSkipJump(_) => true,
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
            Self::SquareL2(a) => a.run(oracle, batch, labels, epsilon),
            Self::DeepFool(a) => within(a.run(oracle, images, labels)),
            Self::Ddn(a) => within(a.run(oracle, images, labels)),
            Self::Carlini(a) => within(a.run(oracle, images, labels)),
            Self::Fmn(a) => within(a.run(oracle, images, labels)),
            Self::Fab(a) => within(a.run(oracle, batch, labels, epsilon)),
            Self::Lbfgs(a) => within(a.run(oracle, images, labels)),
            Self::Jsma(a) => {
                // In the ball by construction; its distance may differ from epsilon by a rounding.
                let found = a.run(oracle, images, labels, epsilon);
                let success = found.success();
                (found.images, success)
            }
            Self::CarliniZero(a) => within(a.run(oracle, images, labels)),
            Self::CarliniMax(a) => within(a.run(oracle, images, labels)),
            Self::AnPgd(a) => within(a.run(oracle, batch, labels, epsilon)),
            Self::FoscPgd(a) => a.run(oracle, batch, labels, epsilon),
            Self::Nes(a) => a.run(oracle, batch, labels, epsilon),
            Self::Nattack(a) => a.run(oracle, batch, labels, epsilon),
            Self::Sampling(a) => a.run(oracle, batch, labels, epsilon),
            Self::Transfer(a) => a.run(oracle, batch, labels, epsilon),
            Self::Zoo(a) => within(a.run(oracle, batch, labels)),
            Self::Boundary(a) => within(a.run(oracle, batch, labels)),
            Self::HopSkipJump(a) => within(a.run(oracle, batch, labels)),
        }
    }
}
