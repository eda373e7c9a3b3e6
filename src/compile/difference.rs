//! How far an integer activation is from the float one.

use ringfence_runtime::TensorView;
use serde::Serialize;

use super::meta::TensorMeta;

/// Difference between an integer activation, in real units, and the float one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Name of the layer.
    pub layer: String,
    /// Name of the ONNX value compared with.
    pub value: String,
    /// Largest absolute difference.
    pub max_abs: f64,
    /// Mean absolute difference.
    pub mean_abs: f64,
    /// Largest minus smallest float value, zero counted in.
    pub range: f64,
    /// Power of the float values over power of the difference, in decibels; none if they are equal.
    pub snr_db: Option<f64>,
}

/// Sums over pairs of an integer model's value, in real units, and the float model's.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    count: f64,
    max_abs: f64,
    abs: f64,
    square: f64,
    power: f64,
    low: f64,
    high: f64,
}

impl Sums {
    /// Sums over pairs (integer model, float model).
    pub fn of<'v>(pairs: impl Iterator<Item = (f64, &'v f32)>) -> Self {
        let mut sums = Self::default();
        for (got, wanted) in pairs {
            let wanted = f64::from(*wanted);
            let error = (got - wanted).abs();
            sums.count += 1.0;
            sums.max_abs = sums.max_abs.max(error);
            sums.abs += error;
            sums.square += error * error;
            sums.power += wanted * wanted;
            sums.low = sums.low.min(wanted);
            sums.high = sums.high.max(wanted);
        }
        sums
    }

    /// Sums over a tensor of the integer model and the float values in order channel, row, column.
    pub fn of_tensor(view: TensorView<'_>, meta: &TensorMeta, wanted: &[f32]) -> Self {
        let t = &view.tensor;
        let places = (0..t.channels).flat_map(|c| {
            (0..t.height).flat_map(move |y| (0..t.width).map(move |x| view.get(y, x, c).unwrap_or_default()))
        });
        let zero = f64::from(meta.zero_point);
        Self::of(places.map(|u| meta.scale * (f64::from(u) - zero)).zip(wanted))
    }

    /// Adds the sums of other pairs.
    pub fn add(&mut self, other: &Sums) {
        self.count += other.count;
        self.max_abs = self.max_abs.max(other.max_abs);
        self.abs += other.abs;
        self.square += other.square;
        self.power += other.power;
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }

    /// What the sums say about a layer.
    pub fn difference(&self, layer: &str, value: &str) -> Difference {
        Difference {
            layer: layer.to_owned(),
            value: value.to_owned(),
            max_abs: self.max_abs,
            mean_abs: self.abs / self.count.max(1.0),
            range: self.high - self.low,
            snr_db: (self.square > 0.0).then(|| 10.0 * (self.power / self.square).log10()),
        }
    }
}
