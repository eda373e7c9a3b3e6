//! Folds what integer layers need not compute: batch normalisation into the weights before (or after) it,
//! normalisation of the image into the input rule, padding into the convolution behind it.

use ndarray::Axis;

use crate::onnx::{Affine, Conv, Dense, Graph, Node, NodeId, OnnxError, Op, Shape};

/// A graph without scales, offsets and padding nodes.
#[derive(Clone, Debug)]
pub struct Folded {
    /// Convolutions, dense layers, curves, sums, joins, pools, upsamplings and flattenings.
    pub graph: Graph,
    /// Normalisation of the image: `input` node's value = `mul[c] x + add[c]` for pixels x of full scale 1.
    pub input: Affine,
}

/// Folds `graph`; `input` is a normalisation to put before it (identity for models that normalise themselves).
pub fn fold(graph: &Graph, input: Affine) -> Result<Folded, OnnxError> {
    let mut folder =
        Folder { source: graph, readers: graph.readers(), nodes: Vec::new(), places: Vec::new(), input };
    for id in 0..graph.nodes.len() {
        let place = folder.place(id);
        folder.places.push(place);
    }
    let output = folder.places[graph.output];
    let folded = Graph { nodes: folder.nodes, output }.pruned();
    for (id, node) in folded.nodes.iter().enumerate() {
        match node.op {
            Op::Affine(_) => return Err(folded.unsupported(id, misplaced_affine(&folded, id))),
            Op::Pad(_) => {
                let reason =
                    "padding is supported before a convolution only, mirrored pixels with no other padding";
                return Err(folded.unsupported(id, reason));
            }
            _ => {}
        }
    }
    Ok(Folded { graph: folded, input: folder.input })
}

fn misplaced_affine(graph: &Graph, id: NodeId) -> String {
    let before = &graph.nodes[graph.nodes[id].inputs[0]];
    format!(
        "a scale or offset per channel can be folded into the convolution or dense layer before it, into a dense \
         layer behind it, or at the input; here it follows {} ({}), or that value has other readers",
        before.name, before.op_type
    )
}

struct Folder<'a> {
    source: &'a Graph,
    readers: Vec<usize>,
    /// The folded graph so far.
    nodes: Vec<Node>,
    /// For each node of the source, the folded node that makes its value.
    places: Vec<NodeId>,
    input: Affine,
}

impl Folder<'_> {
    /// The folded node that makes the value of source node `id`.
    fn place(&mut self, id: NodeId) -> NodeId {
        let node = &self.source.nodes[id];
        let inputs: Vec<NodeId> = node.inputs.iter().map(|input| self.places[*input]).collect();
        let Some(&before) = inputs.first() else { return self.push(node.clone(), inputs) };
        // No other node reads the value that this one reads.
        let sole = self.readers[node.inputs[0]] == 1;
        match &node.op {
            Op::Affine(affine) if sole && self.absorb_affine(before, affine) => {
                self.nodes[before].absorb(node);
                before
            }
            Op::GlobalAvgPool if sole && self.is_pixel(before) => {
                self.nodes[before].absorb(node);
                before
            }
            Op::Conv(conv) => self.place_conv(node, conv, before),
            Op::Dense(dense) => self.place_dense(node, dense, before),
            Op::Flatten => self.place_flatten(node, before),
            Op::Pad(padding) => match self.nodes[before].op {
                Op::Pad(outer) => match padding.around(outer) {
                    Some(both) => {
                        let inputs = self.nodes[before].inputs.clone();
                        self.push(Node { op: Op::Pad(both), ..node.clone() }, inputs)
                    }
                    None => self.push(node.clone(), inputs),
                },
                _ => self.push(node.clone(), inputs),
            },
            _ => self.push(node.clone(), inputs),
        }
    }

    fn push(&mut self, node: Node, inputs: Vec<NodeId>) -> NodeId {
        self.nodes.push(Node { inputs, ..node });
        self.nodes.len() - 1
    }

    fn is_pixel(&self, id: NodeId) -> bool {
        matches!(self.nodes[id].shape, Shape::Map { height: 1, width: 1, .. })
    }

    /// Composes `affine` with the node whose value it is the only reader of; false if that is not possible.
    fn absorb_affine(&mut self, before: NodeId, affine: &Affine) -> bool {
        match &mut self.nodes[before].op {
            Op::Input => self.input = self.input.then(affine),
            Op::Affine(first) => *first = first.then(affine),
            Op::Conv(conv) => {
                for (out, mut kernel) in conv.weight.axis_iter_mut(Axis(0)).enumerate() {
                    kernel.mapv_inplace(|w| (f64::from(w) * affine.mul[out]) as f32);
                }
                scale_bias(&mut conv.bias, affine);
                scale_units(&mut conv.units, affine);
            }
            Op::Dense(dense) => {
                for (out, mut row) in dense.weight.axis_iter_mut(Axis(0)).enumerate() {
                    row.mapv_inplace(|w| (f64::from(w) * affine.mul[out]) as f32);
                }
                scale_bias(&mut dense.bias, affine);
                scale_units(&mut dense.units, affine);
            }
            _ => return false,
        }
        true
    }

    fn place_conv(&mut self, node: &Node, conv: &Conv, before: NodeId) -> NodeId {
        let Op::Pad(outer) = self.nodes[before].op else { return self.push(node.clone(), vec![before]) };
        let Some(padding) = outer.around(conv.padding) else { return self.push(node.clone(), vec![before]) };
        let conv = Conv { padding, ..conv.clone() };
        let pad = &self.nodes[before];
        let absorbed = [vec![pad.name.clone()], pad.absorbed.clone()].concat();
        let inputs = pad.inputs.clone();
        self.push(Node { op: Op::Conv(conv), absorbed, ..node.clone() }, inputs)
    }

    /// `W (m x + a) + b = (W m) x + (W a + b)`.
    fn place_dense(&mut self, node: &Node, dense: &Dense, before: NodeId) -> NodeId {
        let Op::Affine(affine) = &self.nodes[before].op else { return self.push(node.clone(), vec![before]) };
        let mut dense = dense.clone();
        for (mut row, bias) in dense.weight.axis_iter_mut(Axis(0)).zip(&mut dense.bias) {
            let offset: f64 = row.iter().zip(&affine.add).map(|(w, add)| f64::from(*w) * add).sum();
            *bias = (f64::from(*bias) + offset) as f32;
            row.iter_mut().zip(&affine.mul).for_each(|(w, mul)| *w = (f64::from(*w) * mul) as f32);
        }
        // Scaled feature by feature they are no multiples of one unit any more.
        dense.units = None;
        let scale = &self.nodes[before];
        let absorbed = [vec![scale.name.clone()], scale.absorbed.clone()].concat();
        let inputs = scale.inputs.clone();
        self.push(Node { op: Op::Dense(dense), absorbed, ..node.clone() }, inputs)
    }

    /// Moves a scale per channel behind the flattening, where it is a scale per feature, on its way to a dense layer.
    fn place_flatten(&mut self, node: &Node, before: NodeId) -> NodeId {
        let Op::Affine(affine) = &self.nodes[before].op else { return self.push(node.clone(), vec![before]) };
        let repeat = node.shape.len() / affine.mul.len();
        let spread = |values: &[f64]| values.iter().flat_map(|v| std::iter::repeat_n(*v, repeat)).collect();
        let features = Affine { mul: spread(&affine.mul), add: spread(&affine.add) };
        let scale = self.nodes[before].clone();
        let flat = self.push(node.clone(), scale.inputs.clone());
        self.push(
            Node { op: Op::Affine(features), shape: node.shape, value: node.value.clone(), ..scale },
            vec![flat],
        )
    }
}

fn scale_units(units: &mut Option<Vec<f32>>, affine: &Affine) {
    let units = units.iter_mut().flatten().zip(&affine.mul);
    units.for_each(|(unit, mul)| *unit = (f64::from(*unit) * mul.abs()) as f32);
}

fn scale_bias(bias: &mut [f32], affine: &Affine) {
    for ((bias, mul), add) in bias.iter_mut().zip(&affine.mul).zip(&affine.add) {
        *bias = (f64::from(*bias) * mul + add) as f32;
    }
}
