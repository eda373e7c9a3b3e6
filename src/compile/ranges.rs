//! Ranges of all activations, with those that share values brought together.

use super::calibrate::Calibration;
use super::network::{Kind, Layer, Network};
use super::scale::Scale;
use crate::onnx::Curve;

/// A range is shared if that makes it at most so many times as wide: it costs at most one bit.
const WIDENING: f64 = 2.0;

/// A mask of 255 levels does not change beyond: 1 / (1 + exp(6.5)) < 1 / 510.
const SATURATED: f64 = 6.5;

/// A range, which holds zero.
type Range = (f64, f64);

/// The range of each tensor, the image first: where it is best clipped, from zero on after a ReLU. What a join or a maximum
/// passes on gets one range where that costs little, so that values can be copied as they are.
pub fn ranges(network: &Network, calibration: &Calibration, image: Scale) -> Vec<Range> {
    let mut ranges = vec![image.range()];
    ranges.extend(calibration.tensors.iter().map(|histogram| histogram.best_range(image.top)));
    for layer in network.layers.iter().filter(|layer| layer.relu) {
        layer.output.into_iter().for_each(|output| ranges[output].0 = 0.0);
    }
    for layer in network.layers.iter().filter(|layer| layer.kind == Kind::Lookup { curve: Curve::Sigmoid }) {
        let readers =
            network.layers.iter().flat_map(Layer::reads).filter(|read| *read == layer.input).count();
        if readers == 1 && layer.input != 0 {
            let (lo, hi) = ranges[layer.input];
            ranges[layer.input] = (lo.max(-SATURATED), hi.min(SATURATED));
        }
    }
    // From the end on, so that what a join asks of an operand reaches those that the operand is made of.
    for layer in network.layers.iter().rev() {
        let (Kind::MaxPool | Kind::Join { .. }, Some(output)) = (&layer.kind, layer.output) else { continue };
        let all = layer.reads().fold(ranges[output], |all, operand| around(all, ranges[operand]));
        // The image has its own range already.
        for operand in layer.reads().filter(|operand| *operand != 0) {
            if width(all) <= WIDENING * width(ranges[operand]) {
                ranges[operand] = all;
            }
        }
    }
    ranges
}

/// The least range that holds both.
fn around(a: Range, b: Range) -> Range {
    (a.0.min(b.0), a.1.max(b.1))
}

fn width((lo, hi): Range) -> f64 {
    hi - lo
}
