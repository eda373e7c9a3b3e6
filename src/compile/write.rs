//! Bytes of an `.rfm` file from its parts (docs/model-format.md).

use ringfence_runtime::format::layout::{self, ALIGN, HEADER_BYTES, SECTION_RECORD_BYTES, Section};

use super::arena::Plan;
use super::input::InputScale;
use super::network::{Activation, Layer, Network};
use super::pack::{Place, Weights};
use super::quantise::{Integer, IntegerKind};
use super::scale::Scale;

/// Puts sections behind a header and a section table and fills in length and checksum. Sections must stay below 4 GiB
/// together; the parser that reads the result back notices if they do not.
pub fn file(sample_arena: usize, source_sha256: [u8; 32], sections: &[(Section, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES + sections.len() * SECTION_RECORD_BYTES];
    put(&mut bytes, layout::header::MAGIC, layout::MAGIC);
    put(&mut bytes, layout::header::VERSION, layout::VERSION.to_le_bytes());
    put(&mut bytes, layout::header::SECTION_COUNT, (sections.len() as u32).to_le_bytes());
    put(&mut bytes, layout::header::SAMPLE_ARENA, (sample_arena as u32).to_le_bytes());
    put(&mut bytes, layout::header::SOURCE_SHA256, source_sha256);
    for (index, (section, content)) in sections.iter().enumerate() {
        bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
        let (offset, length) = (bytes.len() as u32, content.len() as u32);
        let record = &mut bytes[HEADER_BYTES + index * SECTION_RECORD_BYTES..];
        put(record, layout::section::KIND, (*section as u32).to_le_bytes());
        put(record, layout::section::OFFSET, offset.to_le_bytes());
        put(record, layout::section::LENGTH, length.to_le_bytes());
        bytes.extend_from_slice(content);
    }
    let length = bytes.len() as u32;
    put(&mut bytes, layout::header::LENGTH, length.to_le_bytes());
    let checksum = layout::checksum(&bytes);
    put(&mut bytes, layout::header::CHECKSUM, checksum.to_le_bytes());
    bytes
}

fn put<const N: usize>(record: &mut [u8], at: usize, value: [u8; N]) {
    record[at..at + N].copy_from_slice(&value);
}

/// The INPUT section; the image is tensor 0.
pub fn input(image: &Activation, scale: &InputScale) -> Vec<u8> {
    let mut record = vec![0; layout::INPUT_BYTES];
    put(&mut record, layout::input::CHANNELS, (image.channels as u16).to_le_bytes());
    put(&mut record, layout::input::HEIGHT, (image.height as u16).to_le_bytes());
    put(&mut record, layout::input::WIDTH, (image.width as u16).to_le_bytes());
    for (channel, (mul, add)) in scale.rules.iter().enumerate() {
        put(&mut record, layout::input::RULES + 8 * channel, mul.to_le_bytes());
        put(&mut record, layout::input::RULES + 8 * channel + 4, add.to_le_bytes());
    }
    record
}

/// The TENSORS section.
pub fn tensors(tensors: &[Activation], scales: &[Scale], plan: &Plan) -> Vec<u8> {
    let mut section = Vec::new();
    for ((tensor, scale), offset) in tensors.iter().zip(scales).zip(&plan.offsets) {
        let mut record = [0; layout::TENSOR_BYTES];
        put(&mut record, layout::tensor::OFFSET, (*offset as u32).to_le_bytes());
        put(&mut record, layout::tensor::HEIGHT, (tensor.height as u16).to_le_bytes());
        put(&mut record, layout::tensor::WIDTH, (tensor.width as u16).to_le_bytes());
        put(&mut record, layout::tensor::CHANNELS, (tensor.channels as u16).to_le_bytes());
        put(&mut record, layout::tensor::BORDER, [tensor.border as u8]);
        put(&mut record, layout::tensor::ZERO_POINT, [scale.zero_point]);
        put(&mut record, layout::tensor::TOP, [scale.top]);
        put(&mut record, layout::tensor::MIRRORED, [u8::from(tensor.mirrored && tensor.border > 0)]);
        section.extend_from_slice(&record);
    }
    section
}

/// The OPS and WEIGHTS sections.
pub fn ops(network: &Network, integer: &Integer) -> (Vec<u8>, Vec<u8>) {
    let mut weights = Weights::default();
    let mut section = Vec::new();
    for (layer, kind) in network.layers.iter().zip(&integer.layers) {
        section.extend_from_slice(&op(network, integer, layer, kind, &mut weights));
    }
    (section, weights.into_bytes())
}

fn op(
    network: &Network,
    integer: &Integer,
    layer: &Layer,
    kind: &IntegerKind,
    weights: &mut Weights,
) -> [u8; layout::OP_BYTES] {
    use layout::op as at;
    let mut record = [0; layout::OP_BYTES];
    let index = |tensor: Option<usize>| tensor.map_or(layout::NO_TENSOR, |id| id as u16).to_le_bytes();
    put(&mut record, at::INPUT, index(Some(layer.input)));
    put(&mut record, at::INPUT2, index(None));
    put(&mut record, at::OUTPUT, index(layer.output));
    if let Some(output) = layer.output.filter(|_| layer.relu) {
        put(&mut record, at::LO, [integer.scales[output].zero_point]);
    }
    match kind {
        IntegerKind::Conv { filter, strides, padding, residual } => {
            put(&mut record, at::KIND, [at::CONV]);
            put(&mut record, at::STRIDE_H, [strides.0 as u8, strides.1 as u8]);
            put(&mut record, at::PAD_TOP, [padding.top as u8, padding.left as u8]);
            if let Some((tensor, rescale)) = residual {
                put(&mut record, at::INPUT2, index(Some(*tensor)));
                put(&mut record, at::SHIFT_B, [rescale.shift]);
                put(&mut record, at::MUL_B, rescale.mul.to_le_bytes());
            }
            let place = weights.push(filter);
            let narrow = integer.scales[layer.input].top <= 127;
            put(&mut record, at::PAIRS, [u8::from(narrow && place.pairs_fit)]);
            put_filter(&mut record, filter.weight.dim(), place);
        }
        IntegerKind::Add { rescale, other } | IntegerKind::Join { rescale, other } => {
            let sum = matches!(kind, IntegerKind::Add { .. });
            put(&mut record, at::KIND, [if sum { at::ADD } else { at::JOIN }]);
            put(&mut record, at::SHIFT_A, [rescale.shift]);
            put(&mut record, at::MUL_A, rescale.mul.to_le_bytes());
            if let Some((tensor, rescale)) = other {
                put(&mut record, at::INPUT2, index(Some(*tensor)));
                put(&mut record, at::SHIFT_B, [rescale.shift]);
                put(&mut record, at::MUL_B, rescale.mul.to_le_bytes());
            }
        }
        IntegerKind::GlobalAvgPool { bias, requant } => {
            put(&mut record, at::KIND, [at::GLOBAL_AVG_POOL]);
            put(&mut record, at::BIAS, bias.to_le_bytes());
            put(&mut record, at::MUL_A, requant.mul.to_le_bytes());
            put(&mut record, at::PRE, [requant.pre]);
            put(&mut record, at::OUT_CHANNELS, (network.tensors[layer.input].channels as u16).to_le_bytes());
        }
        IntegerKind::MaxPool => {
            put(&mut record, at::KIND, [at::MAX_POOL]);
            put(&mut record, at::KERNEL_H, [2, 2]);
            put(&mut record, at::STRIDE_H, [2, 2]);
        }
        IntegerKind::Lookup { table } => {
            put(&mut record, at::KIND, [at::LOOKUP]);
            put(&mut record, at::WEIGHTS, (weights.push_table(table.as_slice()) as u32).to_le_bytes());
        }
        IntegerKind::Logits { filter } => {
            put(&mut record, at::KIND, [at::LOGITS]);
            put_filter(&mut record, filter.weight.dim(), weights.push(filter));
        }
    }
    record
}

fn put_filter(record: &mut [u8], dim: (usize, usize, usize, usize), place: Place) {
    use layout::op as at;
    let (outputs, rows, columns, _) = dim;
    put(record, at::KERNEL_H, [rows as u8, columns as u8]);
    put(record, at::OUT_CHANNELS, (outputs as u16).to_le_bytes());
    put(record, at::WEIGHTS, (place.weights as u32).to_le_bytes());
    put(record, at::REQUANT, (place.requant as u32).to_le_bytes());
}

/// The CLASSES section; names of at most 255 bytes.
pub fn classes(names: &[String]) -> Vec<u8> {
    let mut section = (names.len() as u16).to_le_bytes().to_vec();
    for name in names {
        section.push(name.len() as u8);
        section.extend_from_slice(name.as_bytes());
    }
    section
}

/// The SOFTMAX section for logits of real value `logit_scale * r`: table index = distance * 16 in real units.
pub fn softmax(logit_scale: f64) -> Vec<u8> {
    let step = 16.0 * logit_scale;
    // The finest shift that leaves the multiplier 16 bits: distances of 2^16 units then stay far below 2^64.
    let shift = (0..=63u8).rev().find(|shift| step * 2f64.powi(i32::from(*shift)) < 65536.0).unwrap_or(0);
    let mul = (step * 2f64.powi(i32::from(shift))).round() as u32;
    let mut section = vec![0; layout::SOFTMAX_HEADER_BYTES];
    put(&mut section, layout::softmax::MUL, mul.to_le_bytes());
    put(&mut section, layout::softmax::SHIFT, [shift]);
    for index in 0..layout::SOFTMAX_ENTRIES {
        let entry = (32768.0 * (-(index as f64) / 16.0).exp()).round() as u16;
        section.extend_from_slice(&entry.to_le_bytes());
    }
    section
}
