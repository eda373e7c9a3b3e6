//! The table of methods, and one chosen from it with its numbers.

use super::*;
use crate::attacks::{Norm, Pgd, Start};
use crate::error::Error;
use crate::numbers::overlay;
use serde::{Deserialize, Serialize};

/// An objective with its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "objective", rename_all = "kebab-case")]
#[allow(missing_docs)] // each is documented at its type
pub enum Method {
    Plain(Plain),
    Gaussian(Gaussian),
    Adversarial(Adversarial),
    Trades(Trades),
    Mart(Mart),
    Free(Free),
    SmoothAdv(SmoothAdv),
    Consistency(Consistency),
    Macer(Macer),
    SmoothMix(SmoothMix),
    CatRs(CatRs),
    Ars(Ars),
    #[serde(rename = "unicr")]
    UniCr(UniCr),
    StaticMask(StaticPlane),
}

impl Method {
    /// The objective.
    #[must_use]
    pub fn objective(&self) -> &dyn Objective {
        match self {
            Self::Plain(m) => m,
            Self::Gaussian(m) => m,
            Self::Adversarial(m) => m,
            Self::Trades(m) => m,
            Self::Mart(m) => m,
            Self::Free(m) => m,
            Self::SmoothAdv(m) => m,
            Self::Consistency(m) => m,
            Self::Macer(m) => m,
            Self::SmoothMix(m) => m,
            Self::CatRs(m) => m,
            Self::Ars(m) => m,
            Self::UniCr(m) => m,
            Self::StaticMask(m) => m,
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Name on the command line and in cards.
    pub name: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    /// Its loss, in words.
    pub loss: &'static str,
    /// The attack inside, or a dash.
    pub inner: &'static str,
    /// Noise layers that belong to it.
    pub noise: Option<&'static str>,
    /// Whether it is meant to go on from a trained network (`--from`).
    pub fine_tunes: bool,
    /// The objective with its usual numbers.
    pub make: fn() -> Method,
}

/// Steps of 2/255 within 8/255 in L-infinity, from a random point: CIFAR-10's usual attack in training.
const PGD7: Pgd =
    Pgd { norm: Norm::Linf, epsilon: 8.0 / 255.0, step: 2.0 / 255.0, steps: 7, start: Start::Uniform };

const MADRY: Adversarial = Adversarial {
    attack: PGD7,
    weight: 1.0,
    draws: 1,
    predicted: false,
    clean_epochs: 0.0,
    craft: Craft::Training,
};

const MIXED: Adversarial = Adversarial { weight: 0.5, craft: Craft::Evaluation, ..MADRY };

const TRADES: Trades = Trades {
    attack: Pgd { epsilon: 0.031, step: 0.007, steps: 10, start: Start::Jitter, ..PGD7 },
    beta: 6.0,
};

const ARS: Ars = Ars { supervision: 0.0, reconstruction: 0.0, gain: 1.0, freeze: false };

macro_rules! entry {
    ($name:literal, $paper:literal, $loss:literal, $inner:literal, $noise:expr, $fine:literal, $make:expr) => {
        Entry {
            name: $name,
            paper: $paper,
            loss: $loss,
            inner: $inner,
            noise: $noise,
            fine_tunes: $fine,
            make: || $make,
        }
    };
}

/// Every method.
#[rustfmt::skip]
pub const METHODS: &[Entry] = &[
    entry!("plain", "-", "CE(x)", "-", None, false, Method::Plain(Plain {})),
    entry!("gaussian", "Cohen et al. 2019, arXiv:1902.02918", "CE(x + n)", "-", None, false,
        Method::Gaussian(Gaussian {})),
    entry!("madry", "Madry et al. 2018, arXiv:1706.06083", "CE(x')", "PGD-7", None, false,
        Method::Adversarial(MADRY)),
    entry!("mixed", "Goodfellow et al. 2015, arXiv:1412.6572", "w CE(x') + (1 - w) CE(x)", "PGD-7", None, false,
        Method::Adversarial(MIXED)),
    entry!("trades", "Zhang et al. 2019, arXiv:1901.08573", "CE(x) + beta KL(p(x) || p(x'))", "PGD-10 on KL", None, false,
        Method::Trades(TRADES)),
    entry!("mart", "Wang et al. 2020, ICLR", "BCE(x') + beta (1 - p_y(x)) KL(p(x) || p(x'))", "PGD-10", None, false,
        Method::Mart(Mart { attack: TRADES.attack, beta: 5.0 })),
    entry!("pni", "He et al. 2019, arXiv:1811.09310", "mixed, noise layers on", "PGD-7 on the predicted class",
        Some("pni-w-layer"), false,
        Method::Adversarial(Adversarial {
            attack: Pgd { epsilon: 0.031, step: 0.01, ..PGD7 }, predicted: true, clean_epochs: 5.0, ..MIXED
        })),
    entry!("cni-w", "Nemcovsky et al. 2019, arXiv:1911.07198", "mixed, noise layers on", "PGD-7", Some("cni-w"), false,
        Method::Adversarial(MIXED)),
    entry!("cni-i+w", "Nemcovsky et al. 2019, section 4", "mixed, noise layers and input noise on", "PGD-7",
        Some("cni-w+input:0.06"), true, Method::Adversarial(MIXED)),
    entry!("cni-w+t", "Nemcovsky et al. 2019, section 4", "TRADES, noise layers on", "PGD-10 on KL", Some("cni-w"), false,
        Method::Trades(TRADES)),
    entry!("epgd", "Nemcovsky et al. 2019, equation 24", "mixed, noise layers on", "EPGD-7, 8 draws", Some("cni-w"), true,
        Method::Adversarial(Adversarial { draws: 8, ..MIXED })),
    entry!("high-k", "Nemcovsky et al. 2019, section 4", "mixed, noise layers on", "PGD-56", Some("cni-w"), true,
        Method::Adversarial(Adversarial { attack: Pgd { steps: 56, ..PGD7 }, ..MIXED })),
    entry!("smoothadv", "Salman et al. 2019, arXiv:1906.04584", "-log mean p_y(x' + n)", "L2 PGD-10 on the same", None, false,
        Method::SmoothAdv(SmoothAdv {
            attack: Pgd { norm: Norm::L2, epsilon: 256.0 / 255.0, step: 51.2 / 255.0, steps: 10, start: Start::Image },
            copies: 2, warmup_epochs: 10.0,
        })),
    entry!("consistency", "Jeong and Shin 2020, arXiv:2006.04062", "CE(x + n) + lambda KL(mean || each) + eta H(mean)", "-",
        None, false, Method::Consistency(Consistency { copies: 2, lambda: 10.0, eta: 0.5 })),
    entry!("macer", "Zhai et al. 2020, arXiv:2001.02378", "-log mean p_y + lambda sigma/2 hinge(radius)", "-", None, false,
        Method::Macer(Macer { copies: 16, lambda: 12.0, beta: 16.0, gamma: 8.0 })),
    entry!("smoothmix", "Jeong et al. 2021, arXiv:2111.09277", "CE(x + n) + eta KL(mixed label || mixed image)",
        "L2 ascent, 4 steps, no bound", None, false,
        Method::SmoothMix(SmoothMix { copies: 2, steps: 4, step: 1.0, eta: 5.0, one_step: true, warmup_epochs: 10.0 })),
    entry!("cat-rs", "Jeong et al. 2023, arXiv:2212.09000", "lowest k CE(x + n) + lambda max KL(teacher || x + n')",
        "L2 PGD-4 on each noise", None, false,
        Method::CatRs(CatRs { copies: 4, epsilon: 256.0 / 255.0, steps: 4, lambda: 1.0 })),
    entry!("ars", "Lyu et al. 2024, arXiv:2406.10427", "CE(mix of x + n and w x + n')", "-", None, false,
        Method::Ars(ARS)),
    entry!("ars-mask", "Lyu et al. 2024, arXiv:2406.10427", "CE(mix of x + n and w x + n'), classifier frozen", "-", None, true,
        Method::Ars(Ars { freeze: true, ..ARS })),
    entry!("static-mask", "Lyu et al. 2024, arXiv:2406.10427", "CE(w x + n), one w for all images", "-", None, false,
        Method::StaticMask(StaticPlane { gain: 100.0 })),
    entry!("unicr", "Hong et al. 2022, arXiv:2207.02152", "CE(x + n), generalised normal n", "-", None, false,
        Method::UniCr(UniCr { beta: 2.25 })),
    entry!("fast", "Wong et al. 2020, arXiv:2001.03994", "CE(x')", "one step of 1.25 epsilon, random start", None, false,
        Method::Adversarial(Adversarial { attack: Pgd { step: 10.0 / 255.0, steps: 1, ..PGD7 }, ..MADRY })),
    entry!("free", "Shafahi et al. 2019, arXiv:1904.12843", "CE(x')", "the replays themselves", None, false,
        Method::Free(Free { epsilon: 8.0 / 255.0, replays: 8 })),
];

/// A method and its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Its name in the table.
    pub name: String,
    /// The objective.
    #[serde(flatten)]
    pub method: Method,
}

impl Default for Choice {
    /// What runs were before there was a choice.
    fn default() -> Self {
        Self { name: "gaussian".into(), method: Method::Gaussian(Gaussian {}) }
    }
}

/// The entry called `name`.
///
/// # Errors
/// Listing the known names.
pub fn entry(name: &str) -> Result<&'static Entry, Error> {
    METHODS.iter().find(|e| e.name == name).ok_or_else(|| {
        let known: Vec<&str> = METHODS.iter().map(|e| e.name).collect();
        Error::Settings(format!("--method {name}: unknown; expected {}", known.join(", ")))
    })
}

impl Choice {
    /// The method `name` with its usual numbers, but for those that `changes` (`key=value`) gives.
    ///
    /// # Errors
    /// Naming the method, key or value and what is known or expected.
    pub fn new(name: &str, changes: &[String]) -> Result<Self, Error> {
        let usual = (entry(name)?.make)();
        let method = overlay(&usual, changes, "objective", ("--set", name))?;
        let chosen = Self { name: name.into(), method };
        chosen.check()?;
        Ok(chosen)
    }

    /// Checks every number's range.
    ///
    /// # Errors
    /// Naming the key, its value and what is allowed.
    pub fn check(&self) -> Result<(), Error> {
        let json = serde_json::to_value(&self.method).unwrap_or_default();
        let number = |key: &str| json.get(key).and_then(serde_json::Value::as_f64);
        let ranges = [
            ("epsilon", 0.0, 1e3),
            ("step", 0.0, 1e3),
            ("steps", 0.0, 1e4),
            ("weight", 0.0, 1.0),
            ("draws", 1.0, 1e4),
            ("replays", 1.0, 1e4),
            ("copies", if self.name == "consistency" { 2.0 } else { 1.0 }, 1e3),
            ("lambda", 0.0, 1e6),
            ("beta", if self.name == "unicr" { 1.0 } else { 0.0 }, 1e6),
            ("eta", 0.0, 1e6),
            ("gamma", 0.0, 1e3),
            ("gain", 0.0, 1e6),
            ("reconstruction", 0.0, 1e6),
            ("supervision", 0.0, 1e6),
            ("clean_epochs", 0.0, 1e6),
            ("warmup_epochs", 0.0, 1e6),
        ];
        for (key, low, high) in ranges {
            if let Some(found) = number(key).filter(|v| !(low..=high).contains(v)) {
                let reason = format!("--set {key}={found}: expected {low} to {high}");
                return Err(Error::Settings(reason));
            }
        }
        Ok(())
    }

    /// The numbers that differ from the usual ones, as `key=value`.
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        let fields = |m: &Method| {
            serde_json::to_value(m).ok().and_then(|v| v.as_object().cloned()).unwrap_or_default()
        };
        let usual = entry(&self.name).map(|e| fields(&(e.make)())).unwrap_or_default();
        let text = |v: &serde_json::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        let changed = fields(&self.method).into_iter().filter(|(key, v)| usual.get(key) != Some(v));
        changed.map(|(key, v)| format!("{key}={}", text(&v))).collect()
    }

    /// The objective.
    #[must_use]
    pub fn objective(&self) -> &dyn Objective {
        self.method.objective()
    }
}
