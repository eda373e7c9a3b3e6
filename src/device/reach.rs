//! How far N samples reach on a device: seconds, and the radius of a unanimous vote.

use ringfence_runtime::Model;
use ringfence_runtime::certificate::Radius;
use serde::Serialize;

use super::{Cost, Device, instructions};
use crate::certificate::{CertificateError, Scheme, Smoothing};

/// Name and version of the JSON layout of [`Report`].
pub const REPORT_SCHEMA: &str = "ringfence.report/1";

/// What a model costs on a device, and what that buys.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`REPORT_SCHEMA`].
    pub schema: &'static str,
    /// The device.
    pub device: &'static str,
    /// The backend that is built for it.
    pub backend: &'static str,
    /// Clock in MHz.
    pub mhz: f64,
    /// Cycles an instruction that were assumed.
    pub cycles_per_instruction: f64,
    /// Instructions of a noisy sample, operation by operation.
    pub costs: Vec<Cost>,
    /// Instructions of a noisy sample.
    pub instructions: f64,
    /// Seconds of a noisy sample.
    pub seconds: f64,
    /// Probability of a wrong statement.
    pub alpha: f64,
    /// Most samples that fit into the time given.
    pub fitting: Option<u32>,
    /// For each N.
    pub reach: Vec<Reach>,
}

/// What N samples buy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reach {
    /// Samples of a single-stage certificate.
    pub n: u32,
    /// Seconds of the certificate.
    pub seconds: f64,
    /// Radius if all samples agree, in pixels of full scale 1; none if so few can prove nothing.
    pub radius: Option<f64>,
    /// Least count that proves anything.
    pub least_count: Option<u32>,
}

/// Predicts what certificates of each N cost and prove, and the largest N that fits into `budget` seconds.
///
/// # Errors
/// An N or alpha outside the range of certificates.
pub fn report(
    model: &Model<'_>,
    device: Device,
    (mhz, cycles): (f64, f64),
    (ns, alpha): (&[u32], f64),
    budget: Option<f64>,
) -> Result<Report, CertificateError> {
    let costs = instructions(model, device.backend);
    let instructions: f64 = costs.iter().map(|cost| cost.instructions).sum();
    let seconds = instructions * cycles / (mhz * 1e6);
    // Saturates where a float leaves the range of u32.
    let fitting = budget.map(|budget| (budget / seconds) as u32);
    let mut ns = ns.to_vec();
    ns.extend(fitting.filter(|&n| n > 0 && n <= crate::certificate::MAX_VOTES));
    ns.sort_unstable();
    ns.dedup();
    let reach = ns.iter().map(|&n| reach(model, n, alpha, seconds)).collect::<Result<_, _>>()?;
    Ok(Report {
        schema: REPORT_SCHEMA,
        device: device.name,
        backend: device.backend.name(),
        mhz,
        cycles_per_instruction: cycles,
        costs,
        instructions,
        seconds,
        alpha,
        fitting,
        reach,
    })
}

fn reach(model: &Model<'_>, n: u32, alpha: f64, seconds: f64) -> Result<Reach, CertificateError> {
    let table = match Scheme::single_stage(n, alpha, Smoothing::of(model)) {
        Ok(scheme) => Some(scheme.table()),
        Err(CertificateError::Nothing { .. }) => None,
        Err(error) => return Err(error),
    };
    let pixels = |units: u32| f64::from(units) / f64::from(Radius::ONE);
    Ok(Reach {
        n,
        seconds: f64::from(n) * seconds,
        radius: table.as_ref().and_then(|table| table.radius(n)).map(pixels),
        least_count: table.map(|table| table.first),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::models::EMBEDDED;

    #[test]
    fn more_samples_take_longer_and_prove_more() {
        let model = Model::parse(EMBEDDED[0].bytes).unwrap();
        let device = Device::from_name("cortex-m4").unwrap();
        let report = report(&model, device, (120.0, 2.0), (&[4, 32, 100], 0.001), Some(10.0)).unwrap();
        assert!((report.seconds - report.instructions * 2.0 / 120e6).abs() < 1e-12);
        let fitting = report.fitting.unwrap();
        assert!(
            f64::from(fitting) * report.seconds <= 10.0 && f64::from(fitting + 1) * report.seconds > 10.0
        );
        let ns: Vec<u32> = report.reach.iter().map(|reach| reach.n).collect();
        assert_eq!(ns, [4, 32, fitting, 100]);
        // Too few to prove anything; then as in the model's own table.
        assert_eq!(report.reach[0].radius, None);
        let own = model.certificates().find(|table| (table.n0(), table.n()) == (0, 32)).unwrap();
        let radius = own.radius(32).unwrap().units();
        assert_eq!(report.reach[1].radius, Some(f64::from(radius) / f64::from(Radius::ONE)));
        let least = (0..=32).find(|&count| own.radius(count).is_some());
        assert_eq!(report.reach[1].least_count, least);
        assert!(report.reach.windows(2).all(|pair| pair[0].radius < pair[1].radius));
    }
}
