//! The fused block as an operation of Burn's CPU backend, with its gradient.

use super::block::{self, Norm, Normalized, Saved, Tail, Want};
use super::shape::{ConvShape, Window};
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::TensorData;
use std::borrow::Cow;

/// How a block is computed: its convolution and what follows it.
#[derive(Debug, Clone, Copy)]
pub struct BlockSpec {
    /// The convolution's window.
    pub window: Window,
    /// The rest of the block.
    pub tail: Tail,
}

/// Residual-network blocks on NHWC float tensors.
#[backend_extension(Flex, Autodiff)]
pub trait BlockOps: Backend {
    /// Convolution of `x` by `weight`, batch normalisation and, if asked for, ReLU; returns the
    /// output and the mean and biased variance it normalised by: the batch's, or the given ones.
    /// Gradients reach all inputs but `mean` and `variance`.
    fn conv_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        spec: BlockSpec,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// [`conv_norm`](Self::conv_norm) with `residual` added before the ReLU.
    #[allow(clippy::too_many_arguments)] // Burn's macro wants each tensor as an argument
    fn conv_norm_add(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        spec: BlockSpec,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

type Cpu = FloatTensor<Flex>;

/// The values of a tensor in row-major order, copied only if they are not stored so.
fn values(tensor: &Cpu) -> Cow<'_, [f32]> {
    match tensor.as_slice::<f32>() {
        Some(slice) => Cow::Borrowed(slice),
        None => Cow::Owned(tensor.to_contiguous().storage::<f32>().to_vec()),
    }
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Cpu {
    Flex::float_from_data(TensorData::new(values, shape), &Default::default())
}

fn geometry(x: &Cpu, weight: &Cpu, window: Window) -> ConvShape {
    let (x, weight) = (x.shape(), weight.shape());
    ConvShape { batch: x[0], height: x[1], width: x[2], c_in: x[3], c_out: weight[0], window }
}

fn out_dims(shape: &ConvShape) -> [usize; 4] {
    [shape.batch, shape.out_height(), shape.out_width(), shape.c_out]
}

/// Inputs of a block: x, weight, gamma, beta, residual.
struct Inputs {
    x: Cpu,
    weight: Cpu,
    gamma: Cpu,
    beta: Cpu,
    mean: Cpu,
    variance: Cpu,
    residual: Option<Cpu>,
}

/// Output, mean, variance and the convolution itself.
struct Outputs {
    out: Cpu,
    mean: Cpu,
    variance: Cpu,
    y: Cpu,
}

fn run(inputs: &Inputs, spec: BlockSpec) -> Outputs {
    let shape = geometry(&inputs.x, &inputs.weight, spec.window);
    let residual = inputs.residual.as_ref().map(values);
    let norm = Norm {
        gamma: &values(&inputs.gamma),
        beta: &values(&inputs.beta),
        mean: &values(&inputs.mean),
        variance: &values(&inputs.variance),
    };
    let Normalized { y, out, mean, variance } = block::forward(
        &shape,
        &values(&inputs.x),
        &values(&inputs.weight),
        norm,
        residual.as_deref(),
        spec.tail,
    );
    let dims = out_dims(&shape);
    Outputs {
        out: tensor(out, dims),
        mean: tensor(mean, [shape.c_out]),
        variance: tensor(variance, [shape.c_out]),
        y: tensor(y, dims),
    }
}

impl BlockOps for Flex {
    fn conv_norm(
        x: Cpu,
        weight: Cpu,
        gamma: Cpu,
        beta: Cpu,
        mean: Cpu,
        variance: Cpu,
        spec: BlockSpec,
    ) -> (Cpu, Cpu, Cpu) {
        let o = run(&Inputs { x, weight, gamma, beta, mean, variance, residual: None }, spec);
        (o.out, o.mean, o.variance)
    }

    fn conv_norm_add(
        x: Cpu,
        weight: Cpu,
        gamma: Cpu,
        beta: Cpu,
        mean: Cpu,
        variance: Cpu,
        residual: Cpu,
        spec: BlockSpec,
    ) -> (Cpu, Cpu, Cpu) {
        let o = run(&Inputs { x, weight, gamma, beta, mean, variance, residual: Some(residual) }, spec);
        (o.out, o.mean, o.variance)
    }
}

/// Gradient step of a block with `N` parents: x, weight, gamma, beta and, for 5, the residual.
#[derive(Debug)]
struct BlockGradient;

/// What the gradient step keeps.
#[derive(Debug, Clone)]
struct State {
    x: Cpu,
    weight: Cpu,
    gamma: Cpu,
    y: Cpu,
    out: Cpu,
    mean: Cpu,
    variance: Cpu,
    spec: BlockSpec,
}

impl<const N: usize> Backward<Flex, N> for BlockGradient {
    type State = State;

    fn backward(self, ops: Ops<State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node);
        let s = &ops.state;
        let shape = geometry(&s.x, &s.weight, s.spec.window);
        let parent = |i: usize| ops.parents.get(i).and_then(|p| p.as_ref()).map(|p| p.id);
        let saved = Saved {
            x: &values(&s.x),
            weight: &values(&s.weight),
            gamma: &values(&s.gamma),
            y: &values(&s.y),
            out: &values(&s.out),
            mean: &values(&s.mean),
            variance: &values(&s.variance),
            grad: &values(&grad),
        };
        let want =
            Want { x: parent(0).is_some(), weight: parent(1).is_some(), residual: parent(4).is_some() };
        let result = block::backward(&shape, &saved, s.spec.tail, want);
        let side = shape.window.side;
        let mut register = |i: usize, value: Option<Cpu>| {
            if let (Some(id), Some(value)) = (parent(i), value) {
                grads.register::<Flex>(id, value);
            }
        };
        register(0, result.x.map(|x| tensor(x, [shape.batch, shape.height, shape.width, shape.c_in])));
        register(1, result.weight.map(|w| tensor(w, [shape.c_out, shape.c_in, side, side])));
        register(2, Some(tensor(result.gamma, [shape.c_out])));
        register(3, Some(tensor(result.beta, [shape.c_out])));
        register(4, result.residual.map(|r| tensor(r, out_dims(&shape))));
    }
}

type Tracked<C> = FloatTensor<Autodiff<Flex, C>>;

fn run_tracked<C: CheckpointStrategy, const N: usize>(
    inputs: Inputs,
    nodes: [NodeGuard; N],
    spec: BlockSpec,
) -> (Tracked<C>, Tracked<C>, Tracked<C>) {
    let o = run(&inputs, spec);
    let (mean, variance) = (Tracked::<C>::new(o.mean.clone()), Tracked::<C>::new(o.variance.clone()));
    let out = match Backward::<Flex, N>::prepare::<C>(BlockGradient, nodes).compute_bound().stateful() {
        OpsKind::Tracked(step) => {
            let Inputs { x, weight, gamma, .. } = inputs;
            let (out, mean, variance) = (o.out.clone(), o.mean, o.variance);
            step.finish(State { x, weight, gamma, y: o.y, out, mean, variance, spec }, o.out)
        }
        OpsKind::UnTracked(step) => step.finish(o.out),
    };
    (out, mean, variance)
}

impl<C: CheckpointStrategy> BlockOps for Autodiff<Flex, C> {
    fn conv_norm(
        x: Tracked<C>,
        weight: Tracked<C>,
        gamma: Tracked<C>,
        beta: Tracked<C>,
        mean: Tracked<C>,
        variance: Tracked<C>,
        spec: BlockSpec,
    ) -> (Tracked<C>, Tracked<C>, Tracked<C>) {
        let ((x, nx), (weight, nw)) = (x.into_parts(), weight.into_parts());
        let ((gamma, ng), (beta, nb)) = (gamma.into_parts(), beta.into_parts());
        let (mean, variance) = (mean.into_primitive(), variance.into_primitive());
        let inputs = Inputs { x, weight, gamma, beta, mean, variance, residual: None };
        run_tracked::<C, 4>(inputs, [nx, nw, ng, nb], spec)
    }

    fn conv_norm_add(
        x: Tracked<C>,
        weight: Tracked<C>,
        gamma: Tracked<C>,
        beta: Tracked<C>,
        mean: Tracked<C>,
        variance: Tracked<C>,
        residual: Tracked<C>,
        spec: BlockSpec,
    ) -> (Tracked<C>, Tracked<C>, Tracked<C>) {
        let ((x, nx), (weight, nw)) = (x.into_parts(), weight.into_parts());
        let ((gamma, ng), (beta, nb)) = (gamma.into_parts(), beta.into_parts());
        let (mean, variance) = (mean.into_primitive(), variance.into_primitive());
        let (residual, nr) = residual.into_parts();
        let inputs = Inputs { x, weight, gamma, beta, mean, variance, residual: Some(residual) };
        run_tracked::<C, 5>(inputs, [nx, nw, ng, nb, nr], spec)
    }
}
