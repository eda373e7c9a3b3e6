//! The quantised network as an ONNX file in QDQ form, for `ringfence compile` and other tools.
//!
//! Every activation that the runtime stores passes a QuantizeLinear and a DequantizeLinear (UINT8); weights (INT8, one
//! scale per output) and biases (INT32) pass a DequantizeLinear. The logits stay float.

use super::levels::{Levels, find};
use super::round::Rounded;
use crate::error::Error;
use crate::export::graph::{Extent, Graph, Value, int, ints};
use crate::nets::NetSpec;
use prost::Message;

/// The bytes of the file of `layers`, which are those of [`round`](super::round) with the same levels.
///
/// # Errors
/// When a layer or levels are missing.
pub fn to_onnx(layers: &[Rounded], levels: &[Levels], spec: &NetSpec, name: &str) -> Result<Vec<u8>, Error> {
    let mut writer = Writer { graph: Graph::default(), layers, levels };
    let mut x = writer.image(spec)?;
    x = writer.conv("stem", &x)?;
    x = writer.relu("stem", &x)?;
    for block in (0..).map(|i| format!("block{i}")) {
        if writer.layer(&format!("{block}.first")).is_err() {
            break;
        }
        x = writer.block(&block, x)?;
    }
    let pooled = writer.graph.node("GlobalAveragePool", "pool.mean", &[&x], vec![]);
    let pooled = writer.levels("pool", &pooled)?;
    let pooled = writer.graph.node("Flatten", "flatten", &[&pooled], vec![int("axis", 1)]);
    writer.head(&pooled)?;
    let [c, h, w] = spec.input.map(Extent::Fixed);
    let batch = Extent::Symbol("N");
    let (image, logits) = ([batch, c, h, w], [batch, Extent::Fixed(spec.classes.len())]);
    Ok(writer.graph.finish(name, ("image", &image), ("logits", &logits)).encode_to_vec())
}

struct Writer<'a> {
    graph: Graph,
    layers: &'a [Rounded],
    levels: &'a [Levels],
}

impl<'a> Writer<'a> {
    fn image(&mut self, spec: &NetSpec) -> Result<Value, Error> {
        let channels = spec.input[0];
        let mean = self.graph.constant("input.mean", &[1, channels, 1, 1], &spec.mean);
        let deviation = self.graph.constant("input.deviation", &[1, channels, 1, 1], &spec.deviation);
        let x = self.graph.node("Sub", "input.centred", &[&Graph::input("image"), &mean], vec![]);
        let x = self.graph.node("Div", "input.normalised", &[&x, &deviation], vec![]);
        self.levels("input", &x)
    }

    fn block(&mut self, block: &str, x: Value) -> Result<Value, Error> {
        let [first, second, shortcut] = ["first", "second", "shortcut"].map(|part| format!("{block}.{part}"));
        let h = self.conv(&first, &x)?;
        let h = self.relu(&first, &h)?;
        let h = self.conv(&second, &h)?;
        // The compiler fuses the sum with the last convolution before it.
        let (h, residual) = if self.layer(&shortcut).is_ok() {
            (self.levels(&second, &h)?, self.conv(&shortcut, &x)?)
        } else {
            (h, x)
        };
        let sum = self.graph.node("Add", &format!("{block}.sum"), &[&h, &residual], vec![]);
        self.relu(block, &sum)
    }

    fn layer(&self, name: &str) -> Result<&'a Rounded, Error> {
        let layer = self.layers.iter().find(|layer| layer.name == name);
        layer.ok_or_else(|| Error::Integer(format!("no layer is called {name}")))
    }

    fn conv(&mut self, name: &str, x: &Value) -> Result<Value, Error> {
        let layer = self.layer(name)?;
        let side = layer.dims[2];
        let [weight, bias] = self.parameters(layer, &layer.dims);
        let attributes = vec![
            ints("kernel_shape", &[side, side]),
            ints("strides", &[layer.stride; 2]),
            ints("pads", &[side / 2; 4]),
            ints("dilations", &[1, 1]),
            int("group", 1),
        ];
        Ok(self.graph.node("Conv", &format!("{name}.conv"), &[x, &weight, &bias], attributes))
    }

    fn head(&mut self, x: &Value) -> Result<Value, Error> {
        let layer = self.layer("head")?;
        let [weight, bias] = self.parameters(layer, &layer.dims[..2]);
        Ok(self.graph.node("Gemm", "logits", &[x, &weight, &bias], vec![int("transB", 1)]))
    }

    /// Weights of extents `dims` and biases behind their DequantizeLinear.
    fn parameters(&mut self, layer: &Rounded, dims: &[usize]) -> [Value; 2] {
        let (name, outputs) = (&layer.name, layer.units.len());
        let graph = &mut self.graph;
        let weight = graph.int8(&format!("{name}.weight.integers"), dims, &layer.weight);
        let units = graph.constant(&format!("{name}.weight.scale"), &[outputs], &layer.units);
        let zeros = graph.int8(&format!("{name}.weight.zero"), &[outputs], &vec![0; outputs]);
        let inputs = [&weight, &units, &zeros];
        let axis = || vec![int("axis", 0)];
        let weight = graph.node("DequantizeLinear", &format!("{name}.weight"), &inputs, axis());
        let bias = graph.int32(&format!("{name}.bias.integers"), &[outputs], &layer.bias);
        let units = graph.constant(&format!("{name}.bias.scale"), &[outputs], &layer.bias_units);
        let bias = graph.node("DequantizeLinear", &format!("{name}.bias"), &[&bias, &units], axis());
        [weight, bias]
    }

    fn relu(&mut self, name: &str, x: &Value) -> Result<Value, Error> {
        let y = self.graph.node("Relu", &format!("{name}.relu"), &[x], vec![]);
        self.levels(name, &y)
    }

    /// `x` rounded to the levels of `name`.
    fn levels(&mut self, name: &str, x: &Value) -> Result<Value, Error> {
        let levels = find(self.levels, name)?;
        let scale = self.graph.constant(&format!("{name}.scale"), &[], &[levels.scale]);
        let zero = self.graph.uint8(&format!("{name}.zero"), &[], &[levels.zero_point]);
        let integers =
            self.graph.node("QuantizeLinear", &format!("{name}.levels"), &[x, &scale, &zero], vec![]);
        Ok(self.graph.node("DequantizeLinear", name, &[&integers, &scale, &zero], vec![]))
    }
}
