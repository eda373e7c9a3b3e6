//! Budgets, and the tables of a model that serve them.

use super::memory::Out;
use super::{CModel, Status};
use crate::certificate::Radius;
use crate::format;
use crate::smooth;

/// How votes are used, for `ringfence_budget.method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Method {
    /// n0 samples choose the class, n others are counted.
    TwoStage = 1,
    /// n samples choose the class and are counted.
    SingleStage = 2,
    /// n samples decide whether the top class is significantly ahead (`ringfence_predict`).
    Predict = 3,
    /// Samples are drawn until it is certain that the target radius is certified or out of reach, at most n.
    Sequential = 4,
}

/// How many samples, and how sure. A certificate needs a table of the model for exactly these numbers; `ringfence_table`
/// lists them.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CBudget {
    /// A `ringfence_method`.
    pub method: u32,
    /// Samples that choose the class (two-stage), else 0.
    pub n0: u32,
    /// Samples that are counted; the most of a sequential certification.
    pub n: u32,
    /// The radius to certify or refute, in units of 2^-20 pixel (sequential), else 0.
    pub target: u32,
    /// The probability of a wrong statement, as 0.001. Compared bit for bit, nothing is computed with it.
    pub alpha: f64,
}

impl CBudget {
    /// The budget of a certification.
    pub(super) fn parse(&self) -> Result<smooth::Budget, Status> {
        let Self { method, n0, n, target, alpha } = *self;
        let (budget, fits) = match parse_method(method)? {
            format::Method::TwoStage => (smooth::Budget::two_stage(n0, n, alpha), target == 0),
            format::Method::SingleStage => (smooth::Budget::single_stage(n, alpha), n0 == 0 && target == 0),
            format::Method::Sequential => (smooth::Budget::sequential(Radius(target), n, alpha), n0 == 0),
            format::Method::Predict => return Err(Status::Method),
        };
        // No table has numbers that its method does not use.
        if fits { Ok(budget) } else { Err(Status::NoTable) }
    }

    /// Samples and alpha of PREDICT.
    pub(super) fn parse_predict(&self) -> Result<(u32, f64), Status> {
        match parse_method(self.method)? {
            format::Method::Predict if self.n0 == 0 && self.target == 0 => Ok((self.n, self.alpha)),
            format::Method::Predict => Err(Status::NoTable),
            _ => Err(Status::Method),
        }
    }
}

fn parse_method(number: u32) -> Result<format::Method, Status> {
    let number = u8::try_from(number).ok();
    number.and_then(format::Method::from_number).ok_or(Status::UnknownValue)
}

/// The budget that certificate table `index` of a model serves (one of PREDICT serves smaller n as well).
///
/// # Safety
/// `model` points to a `ringfence_model`, `budget` to a struct that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_table(model: *const CModel, index: u32, budget: *mut CBudget) -> Status {
    Status::of(|| {
        // SAFETY: by the contract of this function.
        let (model, budget) = unsafe { (CModel::get(model)?, Out::new(budget)?) };
        let table = model.certificates().nth(index as usize).ok_or(Status::Index)?;
        budget.write(CBudget {
            method: table.method() as u32,
            n0: if table.method() == format::Method::TwoStage { table.n0() } else { 0 },
            n: table.n(),
            target: table.target().map_or(0, Radius::units),
            alpha: f64::from_bits(table.alpha_bits()),
        });
        Ok(())
    })
}

// The numbers are those of the model format.
const _: () = assert!(
    Method::TwoStage as u32 == format::Method::TwoStage as u32
        && Method::SingleStage as u32 == format::Method::SingleStage as u32
        && Method::Predict as u32 == format::Method::Predict as u32
        && Method::Sequential as u32 == format::Method::Sequential as u32
);
