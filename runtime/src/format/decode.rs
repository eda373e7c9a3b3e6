//! Records to operations. The same code checks a file and, later, reads it.

use super::bytes::{Record, slice};
use super::error::{OpFault, TensorFault};
use super::layout::{self, ALIGN, BLOCK, CHANNEL_GROUP, MAX_DEPTH, MAX_SHIFT, NO_TENSOR};
use super::tensors::decode_tensor;
use super::weights::check_requant;
use crate::ADAPTIVE;
use crate::plan::{
    AddOp, ConvOp, Filter, JoinOp, LogitsOp, LookupOp, MaxPoolOp, Op, Operand, PoolOp, Rescale, Residual,
    Tensor,
};

type OpRecord<'a> = Record<'a, { layout::OP_BYTES }>;

/// The parts of a file that tensors and operations are read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Graph<'a> {
    pub sample_arena: u32,
    pub tensors: &'a [[u8; layout::TENSOR_BYTES]],
    pub ops: &'a [[u8; layout::OP_BYTES]],
    pub weights: &'a [u8],
    pub classes: usize,
}

impl<'a> Graph<'a> {
    /// The tensor of this index; none if there is none.
    pub fn tensor(&self, index: usize) -> Option<Result<Tensor, TensorFault>> {
        self.tensors.get(index).map(|record| decode_tensor(Record(record), self.sample_arena))
    }

    /// The operation of this index; none if there is none.
    pub fn op(&self, index: usize) -> Option<Result<Op<'a>, OpFault>> {
        self.ops.get(index).map(|record| self.decode_op(Record(record)))
    }

    pub fn operand(&self, index: u16) -> Option<Operand> {
        let tensor = self.tensor(usize::from(index))?.ok()?;
        Some(Operand { index: usize::from(index), tensor })
    }

    fn decode_op(&self, record: OpRecord<'a>) -> Result<Op<'a>, OpFault> {
        use layout::op;
        let kind = record.u8::<{ op::KIND }>();
        let pairs = record.u8::<{ op::PAIRS }>();
        if pairs > 1 || !record.is_zero::<{ op::TAIL }, { layout::OP_BYTES }>() {
            return Err(OpFault::Reserved);
        }
        match kind {
            op::CONV => self.decode_conv(record),
            op::ADD..=op::LOOKUP if pairs != 0 => Err(OpFault::Reserved),
            op::ADD => self.decode_add(record),
            op::GLOBAL_AVG_POOL => self.decode_pool(record),
            op::LOGITS => self.decode_logits(record),
            op::MAX_POOL => self.decode_max_pool(record),
            op::JOIN => self.decode_join(record),
            op::LOOKUP if ADAPTIVE => self.decode_lookup(record),
            kind => Err(OpFault::Kind(kind)),
        }
    }

    fn input(&self, record: OpRecord<'a>) -> Result<Operand, OpFault> {
        let index = record.u16::<{ layout::op::INPUT }>();
        self.operand(index).ok_or(OpFault::Tensor(index))
    }

    fn output(&self, record: OpRecord<'a>) -> Result<Operand, OpFault> {
        let index = record.u16::<{ layout::op::OUTPUT }>();
        self.operand(index).ok_or(OpFault::Tensor(index))
    }

    /// The second operand, of any shape.
    fn second(&self, record: OpRecord<'a>) -> Result<Option<Residual>, OpFault> {
        let index = record.u16::<{ layout::op::INPUT2 }>();
        if index == NO_TENSOR {
            return Ok(None);
        }
        let operand = self.operand(index).ok_or(OpFault::Tensor(index))?;
        let (shift, mul) = (record.u8::<{ layout::op::SHIFT_B }>(), record.i16::<{ layout::op::MUL_B }>());
        let rescale = decode_rescale(operand.tensor.zero_point, shift, mul)?;
        Ok(Some(Residual { operand, rescale }))
    }

    /// The second operand, which must look like the output.
    fn residual(&self, record: OpRecord<'a>, output: &Tensor) -> Result<Option<Residual>, OpFault> {
        let second = self.second(record)?;
        second.map_or(Ok(()), |second| same_shape(&second.operand.tensor, output))?;
        Ok(second)
    }

    /// The first operand's rule.
    fn rescale(&self, record: OpRecord<'a>, input: &Tensor) -> Result<Rescale, OpFault> {
        let (shift, mul) = (record.u8::<{ layout::op::SHIFT_A }>(), record.i16::<{ layout::op::MUL_A }>());
        decode_rescale(input.zero_point, shift, mul)
    }

    fn decode_conv(&self, record: OpRecord<'a>) -> Result<Op<'a>, OpFault> {
        use layout::op;
        let (input, output) = (self.input(record)?, self.output(record)?);
        let kernel = [record.u8::<{ op::KERNEL_H }>(), record.u8::<{ op::KERNEL_W }>()].map(usize::from);
        let stride = [record.u8::<{ op::STRIDE_H }>(), record.u8::<{ op::STRIDE_W }>()].map(usize::from);
        let pad = [record.u8::<{ op::PAD_TOP }>(), record.u8::<{ op::PAD_LEFT }>()].map(usize::from);
        if kernel.contains(&0) {
            return Err(OpFault::Kernel);
        }
        if stride.contains(&0) {
            return Err(OpFault::Stride);
        }
        let (from, to) = (input.tensor, output.tensor);
        for (pad, out, stride, kernel, size) in [
            (pad[0], to.height, stride[0], kernel[0], from.height),
            (pad[1], to.width, stride[1], kernel[1], from.width),
        ] {
            let end = (out - 1) * stride + kernel;
            if pad > from.border || end > size + from.border + pad {
                return Err(OpFault::Window);
            }
        }
        let depth = depth(kernel, from.stored)?;
        let filter = self.filter(record, depth, to.channels)?;
        let residual = self.residual(record, &to)?;
        let (lo, pairs) = (decode_lo(record, &to)?, record.u8::<{ op::PAIRS }>() == 1);
        Ok(Op::Conv(ConvOp { input, output, residual, kernel, stride, pad, lo, pairs, filter }))
    }

    fn decode_add(&self, record: OpRecord<'a>) -> Result<Op<'a>, OpFault> {
        let (input, output) = (self.input(record)?, self.output(record)?);
        same_shape(&input.tensor, &output.tensor)?;
        let rescale = self.rescale(record, &input.tensor)?;
        let residual = self.residual(record, &output.tensor)?;
        Ok(Op::Add(AddOp { input, rescale, residual, output, lo: decode_lo(record, &output.tensor)? }))
    }

    fn decode_pool(&self, record: OpRecord<'a>) -> Result<Op<'a>, OpFault> {
        use layout::op;
        let (input, output) = (self.input(record)?, self.output(record)?);
        let (from, to) = (input.tensor, output.tensor);
        let pixels = from.height as u64 * from.width as u64;
        if (to.height, to.width) != (1, 1) || pixels > layout::MAX_POOL_PIXELS as u64 {
            return Err(OpFault::Shape);
        }
        same_channels(from.channels, to.channels)?;
        let (bias, pre) = (record.i32::<{ op::BIAS }>(), record.u8::<{ op::PRE }>());
        let mul = record.i16::<{ op::MUL_A }>();
        check_requant(bias, mul, pre)?;
        Ok(Op::GlobalAvgPool(PoolOp { input, output, bias, pre, mul, lo: decode_lo(record, &to)? }))
    }

    fn decode_max_pool(&self, record: OpRecord<'a>) -> Result<Op<'a>, OpFault> {
        use layout::op;
        let (input, output) = (self.input(record)?, self.output(record)?);
        if [record.u8::<{ op::KERNEL_H }>(), record.u8::<{ op::KERNEL_W }>()] != [2; 2] {
            return Err(OpFault::Kernel);
        }
        if [record.u8::<{ op::STRIDE_H }>(), record.u8::<{ op::STRIDE_W }>()] != [2; 2] {
            return Err(OpFault::Stride);
        }
        if [record.u8::<{ op::PAD_TOP }>(), record.u8::<{ op::PAD_LEFT }>()] != [0; 2] {
            return Err(OpFault::Window);
        }
        let (from, to) = (input.tensor, output.tensor);
        same_channels(from.channels, to.channels)?;
        if (to.height, to.width) != (from.height / 2, from.width / 2) {
            return Err(OpFault::Shape);
        }
        if (to.zero_point, to.top) != (from.zero_point, from.top) {
            return Err(OpFault::Levels);
        }
        Ok(Op::MaxPool(MaxPoolOp { input, output, lo: decode_lo(record, &to)? }))
    }

    fn decode_join(&self, record: OpRecord<'a>) -> Result<Op<'a>, OpFault> {
        let (input, output) = (self.input(record)?, self.output(record)?);
        let (first, to) = (input.tensor, output.tensor);
        let (rescale, second) = (self.rescale(record, &first)?, self.second(record)?);
        let others = second.map(|second| second.operand.tensor);
        if others.is_some() && !first.channels.is_multiple_of(CHANNEL_GROUP) {
            return Err(OpFault::Group(first.channels));
        }
        same_channels(first.channels + others.map_or(0, |tensor| tensor.channels), to.channels)?;
        let fits = |tensor: &Tensor| tensor.magnification(&to).is_some();
        if !fits(&first) || !others.is_none_or(|tensor| fits(&tensor)) {
            return Err(OpFault::Shape);
        }
        Ok(Op::Join(JoinOp { input, rescale, second, output, lo: decode_lo(record, &to)? }))
    }

    fn decode_lookup(&self, record: OpRecord<'a>) -> Result<Op<'a>, OpFault> {
        let (input, output) = (self.input(record)?, self.output(record)?);
        same_shape(&input.tensor, &output.tensor)?;
        let lo = record.u8::<{ layout::op::LO }>();
        if lo != 0 {
            return Err(OpFault::Lo(lo));
        }
        let bytes = self.weights(record.u32::<{ layout::op::WEIGHTS }>(), layout::LOOKUP_ENTRIES)?;
        let table = bytes.first_chunk().ok_or(OpFault::WeightRange)?;
        Ok(Op::Lookup(LookupOp { input, output, table }))
    }

    fn decode_logits(&self, record: OpRecord<'a>) -> Result<Op<'a>, OpFault> {
        use layout::op;
        let input = self.input(record)?;
        let kernel = [record.u8::<{ op::KERNEL_H }>(), record.u8::<{ op::KERNEL_W }>()].map(usize::from);
        if kernel != [input.tensor.height, input.tensor.width] {
            return Err(OpFault::Shape);
        }
        let output = record.u16::<{ op::OUTPUT }>();
        if output != NO_TENSOR {
            return Err(OpFault::Tensor(output));
        }
        let filter = self.filter(record, depth(kernel, input.tensor.stored)?, self.classes)?;
        Ok(Op::Logits(LogitsOp { input, filter }))
    }

    fn filter(&self, record: OpRecord<'a>, depth: usize, outputs: usize) -> Result<Filter<'a>, OpFault> {
        use layout::op;
        same_channels(outputs, usize::from(record.u16::<{ op::OUT_CHANNELS }>()))?;
        let padded = outputs.next_multiple_of(BLOCK);
        let (at, constants) = (record.u32::<{ op::WEIGHTS }>(), record.u32::<{ op::REQUANT }>());
        let weights = self.weights(at, padded * depth)?;
        let (bias, rest) = self.weights(constants, padded * 7)?.split_at(padded * 4);
        let (mul, pre) = rest.split_at(padded * 2);
        let (bias, mul) = (bias.as_chunks().0, mul.as_chunks().0);
        Ok(Filter { depth, outputs, padded, weights, bias, mul, pre })
    }

    /// A part of the section of weights.
    fn weights(&self, offset: u32, length: usize) -> Result<&'a [u8], OpFault> {
        let bytes = slice(self.weights, offset as usize, length);
        bytes.filter(|_| (offset as usize).is_multiple_of(ALIGN)).ok_or(OpFault::WeightRange)
    }
}

fn decode_lo(record: OpRecord<'_>, output: &Tensor) -> Result<u8, OpFault> {
    let lo = record.u8::<{ layout::op::LO }>();
    if lo > output.top { Err(OpFault::Lo(lo)) } else { Ok(lo) }
}

fn decode_rescale(zero_point: u8, shift: u8, mul: i16) -> Result<Rescale, OpFault> {
    if shift > MAX_SHIFT {
        return Err(OpFault::Shift(shift));
    }
    if mul < 0 {
        return Err(OpFault::Mul(mul));
    }
    Ok(Rescale { zero_point, shift, mul })
}

fn depth(kernel: [usize; 2], stored: usize) -> Result<usize, OpFault> {
    let depth = (kernel[0] * kernel[1]) as u64 * stored as u64;
    if depth > MAX_DEPTH as u64 { Err(OpFault::Depth(depth)) } else { Ok(depth as usize) }
}

fn same_channels(expected: usize, found: usize) -> Result<(), OpFault> {
    if expected == found { Ok(()) } else { Err(OpFault::Channels { expected, found }) }
}

fn same_shape(a: &Tensor, b: &Tensor) -> Result<(), OpFault> {
    same_channels(b.channels, a.channels)?;
    if (a.height, a.width) == (b.height, b.width) { Ok(()) } else { Err(OpFault::Shape) }
}
