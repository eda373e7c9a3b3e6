//! Model files of networks.

use super::network::{Layer, Network, Weights};
use ringfence_runtime::format::layout::{
    self, ALIGN, HEADER_BYTES, NO_TENSOR, SECTION_RECORD_BYTES, Section, certificate, header, input, noise,
    op, section, softmax, tensor,
};

fn put<const N: usize>(record: &mut [u8], at: usize, bytes: [u8; N]) {
    record[at..at + N].copy_from_slice(&bytes);
}

fn align(bytes: &mut Vec<u8>) -> u32 {
    bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
    bytes.len() as u32
}

/// Puts the right length and checksum into a file whose content was altered.
pub fn reseal(file: &mut [u8]) {
    let length = file.len() as u32;
    if file.len() >= HEADER_BYTES {
        put(file, header::LENGTH, length.to_le_bytes());
        let checksum = layout::checksum(file);
        put(file, header::CHECKSUM, checksum.to_le_bytes());
    }
}

impl Network {
    /// The model file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (offsets, arena) = self.place();
        let mut weights = Vec::new();
        let ops = self.layers.iter().flat_map(|layer| self.op(layer, &mut weights)).collect();
        let sections = [
            (Section::Input, self.input()),
            (Section::Tensors, self.tensor_records(&offsets)),
            (Section::Ops, ops),
            (Section::Weights, weights),
            (Section::Noise, tables::noise()),
            (Section::Certificates, tables::certificates()),
            (Section::Classes, tables::classes(self.classes)),
            (Section::Softmax, tables::softmax()),
            (Section::Meta, b"{}".to_vec()),
        ];
        let mut file = vec![0; HEADER_BYTES + sections.len() * SECTION_RECORD_BYTES];
        put(&mut file, header::MAGIC, layout::MAGIC);
        put(&mut file, header::VERSION, layout::VERSION.to_le_bytes());
        put(&mut file, header::SECTION_COUNT, (sections.len() as u32).to_le_bytes());
        put(&mut file, header::SAMPLE_ARENA, arena.to_le_bytes());
        put(&mut file, header::SOURCE_SHA256, [0xA5; 32]);
        for (i, (kind, bytes)) in sections.into_iter().enumerate() {
            let offset = align(&mut file);
            let record = &mut file[HEADER_BYTES + i * SECTION_RECORD_BYTES..];
            put(record, section::KIND, (kind as u32).to_le_bytes());
            put(record, section::OFFSET, offset.to_le_bytes());
            put(record, section::LENGTH, (bytes.len() as u32).to_le_bytes());
            file.extend(bytes);
        }
        reseal(&mut file);
        file
    }

    /// The residual that the layer which makes `t` adds and could overwrite.
    fn residual_of(&self, t: usize) -> Option<usize> {
        let maker = self.layers.iter().find(|layer| layer.output() == Some(t))?;
        if matches!(maker, Layer::Join { .. }) {
            return None;
        }
        let &[input, residual] = maker.inputs().as_slice() else { return None };
        let shape = |t: usize| (self.tensors[t].bytes(), self.tensors[t].border);
        (input != residual && shape(residual) == shape(t)).then_some(residual)
    }

    /// Place of each tensor, and the end of all: that of a residual which is not needed any more, else the lowest
    /// that is free while the tensor is needed.
    fn place(&self) -> (Vec<usize>, u32) {
        let written = |t: usize| match t {
            0 => 0,
            _ => 1 + self.layers.iter().position(|layer| layer.output() == Some(t)).unwrap(),
        };
        let read = |t: usize| self.layers.iter().rposition(|layer| layer.inputs().contains(&t));
        let life: Vec<_> = (0..self.tensors.len())
            .map(|t| (written(t), read(t).map_or(written(t), |last| last + 1)))
            .collect();
        let mut offsets = vec![usize::MAX; self.tensors.len()];
        for t in 0..self.tensors.len() {
            let twin = self.residual_of(t).filter(|&r| life[r].1 == life[t].0);
            let busy = |offset: usize, but: Option<usize>| {
                (0..t).filter(|&u| Some(u) != but).find(|&u| {
                    let together = life[u].0 <= life[t].1 && life[t].0 <= life[u].1;
                    let (end, end_u) =
                        (offset + self.tensors[t].bytes(), offsets[u] + self.tensors[u].bytes());
                    together && offset < end_u && offsets[u] < end
                })
            };
            if let Some(r) = twin.filter(|&r| busy(offsets[r], Some(r)).is_none()) {
                offsets[t] = offsets[r];
                continue;
            }
            let mut offset = 0;
            while let Some(u) = busy(offset, None) {
                offset = (offsets[u] + self.tensors[u].bytes()).next_multiple_of(ALIGN);
            }
            offsets[t] = offset;
        }
        let end = |t: usize| offsets[t] + self.tensors[t].bytes();
        (offsets.clone(), (0..self.tensors.len()).map(end).max().unwrap() as u32)
    }

    fn input(&self) -> Vec<u8> {
        let shape = &self.tensors[0];
        let mut record = vec![0; layout::INPUT_BYTES];
        put(&mut record, input::CHANNELS, (shape.channels as u16).to_le_bytes());
        put(&mut record, input::HEIGHT, (shape.height as u16).to_le_bytes());
        put(&mut record, input::WIDTH, (shape.width as u16).to_le_bytes());
        for (c, (mul, add)) in self.rules.iter().enumerate() {
            put(&mut record, input::RULES + 8 * c, mul.to_le_bytes());
            put(&mut record, input::RULES + 8 * c + 4, add.to_le_bytes());
        }
        record
    }

    fn tensor_records(&self, offsets: &[usize]) -> Vec<u8> {
        let mut records = Vec::new();
        for (index, (shape, &offset)) in self.tensors.iter().zip(offsets).enumerate() {
            let mut record = [0; layout::TENSOR_BYTES];
            put(&mut record, tensor::OFFSET, (offset as u32).to_le_bytes());
            put(&mut record, tensor::HEIGHT, (shape.height as u16).to_le_bytes());
            put(&mut record, tensor::WIDTH, (shape.width as u16).to_le_bytes());
            put(&mut record, tensor::CHANNELS, (shape.channels as u16).to_le_bytes());
            let mirrored = u8::from(self.mirrored.contains(&index));
            put(&mut record, tensor::BORDER, [shape.border as u8, shape.zero_point, shape.top, mirrored]);
            records.extend(record);
        }
        records
    }

    fn op(&self, layer: &Layer, weights: &mut Vec<u8>) -> [u8; layout::OP_BYTES] {
        let mut r = [0; layout::OP_BYTES];
        put(&mut r, op::INPUT, (layer.inputs()[0] as u16).to_le_bytes());
        let second = layer.inputs().get(1).map_or(NO_TENSOR, |&t| t as u16);
        put(&mut r, op::INPUT2, second.to_le_bytes());
        put(&mut r, op::OUTPUT, layer.output().map_or(NO_TENSOR, |t| t as u16).to_le_bytes());
        let lo = |relu: bool, output: usize| [if relu { self.tensors[output].zero_point } else { 0 }];
        match layer {
            Layer::Conv(conv) => {
                put(&mut r, op::KIND, [op::CONV]);
                put(&mut r, op::LO, lo(conv.relu, conv.output));
                let bytes = [conv.kernel, conv.stride, conv.pad].map(|pair| pair.map(|n| n as u8));
                put(&mut r, op::KERNEL_H, *bytes.as_flattened().first_chunk::<6>().unwrap());
                if let Some(b) = conv.residual {
                    put(&mut r, op::SHIFT_B, [b.shift]);
                    put(&mut r, op::MUL_B, b.mul.to_le_bytes());
                }
                let from = &self.tensors[conv.input];
                put(&mut r, op::PAIRS, [u8::from(from.top == 127 && conv.pairs_fit(from))]);
                put_filter(&mut r, &conv.weights, from.channels, weights);
            }
            Layer::Add { a, b, output, relu } | Layer::Join { a, b, output, relu } => {
                put(&mut r, op::KIND, [if matches!(layer, Layer::Add { .. }) { op::ADD } else { op::JOIN }]);
                put(&mut r, op::LO, lo(*relu, *output));
                put(&mut r, op::SHIFT_A, [a.shift, b.map_or(0, |b| b.shift)]);
                put(&mut r, op::MUL_A, a.mul.to_le_bytes());
                put(&mut r, op::MUL_B, b.map_or(0, |b| b.mul).to_le_bytes());
            }
            Layer::Pool { bias, pre, mul, .. } => {
                put(&mut r, op::KIND, [op::GLOBAL_AVG_POOL]);
                put(&mut r, op::MUL_A, mul.to_le_bytes());
                put(&mut r, op::BIAS, bias.to_le_bytes());
                put(&mut r, op::PRE, [*pre]);
            }
            Layer::MaxPool { output, relu, .. } => {
                put(&mut r, op::KIND, [op::MAX_POOL]);
                put(&mut r, op::LO, lo(*relu, *output));
                put(&mut r, op::KERNEL_H, [2; 4]);
            }
            Layer::Lookup { table, .. } => {
                put(&mut r, op::KIND, [op::LOOKUP]);
                put(&mut r, op::WEIGHTS, align(weights).to_le_bytes());
                weights.extend(table);
            }
            Layer::Logits { input, weights: w } => {
                let shape = &self.tensors[*input];
                put(&mut r, op::KIND, [op::LOGITS]);
                put(&mut r, op::KERNEL_H, [shape.height as u8, shape.width as u8]);
                put_filter(&mut r, w, shape.channels, weights);
            }
        }
        r
    }
}

/// Packs weights `[padded/16][depth/4][16][4]` and their constants.
fn put_filter(r: &mut [u8], w: &Weights, channels: usize, section: &mut Vec<u8>) {
    let (outputs, stored) = (w.bias.len(), channels.next_multiple_of(4));
    let padded = outputs.next_multiple_of(16);
    let depth = w.values.len() / outputs;
    let points = depth / channels;
    put(r, op::OUT_CHANNELS, (outputs as u16).to_le_bytes());
    put(r, op::WEIGHTS, align(section).to_le_bytes());
    let packed = points * stored;
    let start = section.len();
    section.resize(start + padded * packed, 0);
    for (o, row) in w.values.chunks(depth).enumerate() {
        for (k, value) in row.iter().enumerate() {
            let k = k / channels * stored + k % channels;
            let at = ((o / 16 * (packed / 4) + k / 4) * 16 + o % 16) * 4 + k % 4;
            section[start + at] = *value as u8;
        }
    }
    put(r, op::REQUANT, align(section).to_le_bytes());
    let padding = padded - outputs;
    section.extend(w.bias.iter().copied().chain(vec![0; padding]).flat_map(i32::to_le_bytes));
    section.extend(w.mul.iter().copied().chain(vec![0x4000; padding]).flat_map(i16::to_le_bytes));
    section.extend(w.pre.iter().copied().chain(vec![1; padding]));
}

/// The sections that do not depend on the network: small, but well formed.
pub mod tables {
    use super::{certificate, layout, noise, put, softmax};

    /// 64 columns that are always kept.
    pub fn noise() -> Vec<u8> {
        let mut bytes = vec![0; layout::NOISE_HEADER_BYTES];
        put(&mut bytes, noise::SIGMA, 0.05f64.to_le_bytes());
        put(&mut bytes, noise::COLUMN_BITS, [6]);
        put(&mut bytes, noise::MIN_VALUE, (-32i32).to_le_bytes());
        put(&mut bytes, noise::TV_BUDGET, 77u64.to_le_bytes());
        bytes.extend((0..64u32).flat_map(|column| ((0x03FF_FFFF << 6) | column).to_le_bytes()));
        bytes.extend([0xFF; 256]);
        bytes
    }

    /// A two-stage, a single-stage, a prediction and a sequential table for 8 votes.
    pub fn certificates() -> Vec<u8> {
        let tables: [(u8, u32, u32, &[u32]); 4] = [
            (1, 4, 6, &[0, 10, 20]),
            (2, 0, 7, &[5, 9]),
            (3, 0, 0, &[9, 9, 9, 9, 9, 5, 6, 7, 8]),
            (4, 0, 1000, &[3, 4, 1, 5, 5, 2, 8, 7, 3]),
        ];
        let mut bytes = (tables.len() as u64).to_le_bytes().to_vec();
        let mut offset = layout::CERTIFICATES_HEADER_BYTES + tables.len() * layout::CERTIFICATE_BYTES;
        for (method, n0, first, entries) in tables {
            let mut r = [0; layout::CERTIFICATE_BYTES];
            put(&mut r, certificate::METHOD, [method]);
            put(&mut r, certificate::N0, n0.to_le_bytes());
            put(&mut r, certificate::N, 8u32.to_le_bytes());
            put(&mut r, certificate::FIRST, first.to_le_bytes());
            put(&mut r, certificate::ALPHA, 0.1f64.to_le_bytes());
            put(&mut r, certificate::OFFSET, (offset as u32).to_le_bytes());
            put(&mut r, certificate::LENGTH, (entries.len() as u32).to_le_bytes());
            offset += 4 * entries.len();
            bytes.extend(r);
        }
        bytes.extend(tables.iter().flat_map(|t| t.3).flat_map(|entry| entry.to_le_bytes()));
        bytes
    }

    pub fn classes(count: usize) -> Vec<u8> {
        let mut bytes = (count as u16).to_le_bytes().to_vec();
        for class in 0..count {
            let name = format!("class {class}");
            bytes.push(name.len() as u8);
            bytes.extend(name.bytes());
        }
        bytes
    }

    pub fn softmax() -> Vec<u8> {
        let mut bytes = vec![0; layout::SOFTMAX_HEADER_BYTES];
        put(&mut bytes, softmax::MUL, 3u32.to_le_bytes());
        put(&mut bytes, softmax::SHIFT, [2]);
        bytes.extend((0..256u32).flat_map(|i| ((32768 >> (i / 16)) as u16).to_le_bytes()));
        bytes
    }
}
