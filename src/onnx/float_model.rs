//! The float model run by tract, with chosen inner values exposed.

use std::sync::Arc;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{
    Datum, InferenceFact, InferenceModelExt, IntoRunnable, IntoTValue, Tensor, TractResult, TypedSimplePlan,
    tvec,
};
use tract_onnx::tract_hir::internal::format_err;

use super::error::OnnxError;
use super::graph::{Graph, Shape};

/// A float model ready to run on one image at a time; shared freely between threads.
pub struct FloatModel {
    plan: Arc<TypedSimplePlan>,
    dims: [usize; 4],
}

impl FloatModel {
    /// Loads an ONNX file that [`parse`](super::parse) has accepted as `graph`. `values` are names of ONNX values:
    /// [`run`](Self::run) returns them in this order. The input itself is not among them.
    pub fn new(onnx: &[u8], graph: &Graph, values: &[&str]) -> Result<Self, OnnxError> {
        let proto = super::decode(onnx)?;
        let input = &graph.nodes[0];
        let dims = match input.shape {
            Shape::Map { channels, height, width } => [1, channels, height, width],
            Shape::Vector(features) => [1, features, 1, 1],
        };
        let plan = plan(&proto, dims, values).map_err(|error| OnnxError::Tract(format!("{error:#}")))?;
        Ok(Self { plan, dims })
    }

    /// Runs one image (real values in order channel, row, column) and returns the chosen values, each in ONNX order.
    pub fn run(&self, image: &[f32]) -> Result<Vec<Vec<f32>>, OnnxError> {
        self.try_run(image).map_err(|error| OnnxError::Tract(format!("{error:#}")))
    }

    fn try_run(&self, image: &[f32]) -> TractResult<Vec<Vec<f32>>> {
        let image = Tensor::from_shape(&self.dims, image)?;
        let outputs = self.plan.run(tvec!(image.into_tvalue()))?;
        outputs
            .iter()
            .map(|value| Ok(value.to_plain_array_view::<f32>()?.iter().copied().collect()))
            .collect()
    }
}

fn plan(proto: &ModelProto, dims: [usize; 4], values: &[&str]) -> TractResult<Arc<TypedSimplePlan>> {
    // Declared shapes of inner values may name an open batch axis; they are inferred anew for a batch of one.
    let onnx = tract_onnx::onnx().with_ignore_value_info(true);
    let parsed = onnx.parse(proto, None)?;
    let mut model = parsed.model;
    let outlets = values
        .iter()
        .map(|name| {
            parsed.outlets_by_name.get(*name).copied().ok_or_else(|| format_err!("no value is named {name}"))
        })
        .collect::<TractResult<Vec<_>>>()?;
    model.set_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), dims))?;
    model.select_output_outlets(&outlets)?;
    model.into_optimized()?.into_runnable()
}
