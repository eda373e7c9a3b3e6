//! From a folded graph to layers: which nodes become one operation, and where activations need borders.

use std::slice;

use ringfence_runtime::format::layout::CHANNEL_GROUP;

use super::error::CompileError;
use super::network::{Activation, End, Kind, Layer, Network, TensorId, Window};
use crate::onnx::{Curve, Graph, Levels, NodeId, Op, Padding, Shape};

/// Turns a folded graph that ends in logits into layers.
pub fn lower(graph: &Graph) -> Result<Network, CompileError> {
    let (last, levels) = last_layer(graph)?;
    let (tensors, layers) = layers(graph, Some(last))?;
    let node = &graph.nodes[last];
    let end = End::Logits { value: node.value.clone(), levels, classes: node.shape.channels() };
    Ok(Network { tensors, layers, end })
}

/// Turns a folded graph that ends in a mask of the image's size into layers.
pub fn lower_mask(graph: &Graph) -> Result<Network, CompileError> {
    let (image, output) = (graph.nodes[0].shape, &graph.nodes[graph.output]);
    let is_plane = match (image, output.shape) {
        (Shape::Map { height, width, .. }, found) => found == Shape::Map { channels: 1, height, width },
        _ => false,
    };
    if output.op != Op::Curve(Curve::Sigmoid) || !is_plane {
        let reason = "a mask network must end in a Sigmoid over one channel of the image's size";
        return Err(graph.unsupported(graph.output, reason).into());
    }
    let (tensors, layers) = layers(graph, None)?;
    Ok(Network { tensors, layers, end: End::Mask })
}

/// All layers; node `last` makes the logits.
fn layers(graph: &Graph, last: Option<NodeId>) -> Result<(Vec<Activation>, Vec<Layer>), CompileError> {
    let mut readers = vec![Vec::new(); graph.nodes.len()];
    for (id, node) in graph.nodes.iter().enumerate() {
        node.inputs.iter().for_each(|input| readers[*input].push(id));
    }
    let mut lowering = Lowering {
        graph,
        last,
        readers,
        tensors: Vec::new(),
        layers: Vec::new(),
        places: vec![None; graph.nodes.len()],
    };
    for id in 0..graph.nodes.len() {
        lowering.node(id)?;
    }
    let (mut tensors, layers) = (lowering.tensors, lowering.layers);
    set_borders(&mut tensors, &layers)?;
    Ok((tensors, layers))
}

/// The node whose value, possibly flattened or rounded to levels, is the output: a dense layer or a convolution of the
/// whole map. With the levels, if there are any.
fn last_layer(graph: &Graph) -> Result<(NodeId, Option<Levels>), CompileError> {
    let (mut last, mut levels) = (graph.output, None);
    loop {
        match graph.nodes[last].op {
            Op::Flatten => {}
            Op::Quantise(given) => levels = Some(given),
            _ => break,
        }
        last = graph.nodes[last].inputs[0];
    }
    let dense = match &graph.nodes[last].op {
        Op::Dense(_) => true,
        Op::Conv(conv) => {
            let input = graph.nodes[graph.nodes[last].inputs[0]].shape;
            let (_, channels, height, width) = conv.weight.dim();
            conv.padding == Padding::default() && input == Shape::Map { channels, height, width }
        }
        _ => false,
    };
    if !dense {
        return Err(graph.unsupported(last, "the network must end in a dense layer").into());
    }
    if graph.readers()[last] > 1 {
        return Err(graph.unsupported(last, "the last layer's value is read by other nodes too").into());
    }
    Ok((last, levels))
}

struct Lowering<'a> {
    graph: &'a Graph,
    last: Option<NodeId>,
    readers: Vec<Vec<NodeId>>,
    tensors: Vec<Activation>,
    layers: Vec<Layer>,
    /// The tensor that holds each node's value, once there is one.
    places: Vec<Option<TensorId>>,
}

impl Lowering<'_> {
    fn node(&mut self, id: NodeId) -> Result<(), CompileError> {
        let node = &self.graph.nodes[id];
        match &node.op {
            Op::Input => self.places[id] = Some(self.tensor(id, node.shape)),
            Op::Flatten => self.places[id] = self.places[node.inputs[0]],
            Op::Quantise(levels) => self.quantise(id, *levels),
            // Fused into the layer before it.
            Op::Relu if self.places[id].is_some() => {}
            Op::Conv(_) | Op::Dense(_) if self.host_of(id).is_some() => {}
            Op::Conv(conv) => self.weighted(id, Window::conv(conv)),
            Op::Dense(dense) => {
                self.weighted(id, Window::dense(dense, &self.tensors[self.place(node.inputs[0])]))
            }
            Op::Add => self.add(id)?,
            Op::Relu => self.emit(id, Kind::Add { other: None }, self.place(node.inputs[0]), &[]),
            Op::GlobalAvgPool => self.emit(id, Kind::GlobalAvgPool, self.place(node.inputs[0]), &[]),
            Op::MaxPool => self.emit(id, Kind::MaxPool, self.place(node.inputs[0]), &[]),
            // Part of the join that alone reads it.
            Op::Upsample if self.joined(id) => {}
            Op::Upsample => self.emit(id, Kind::Join { other: None }, self.place(node.inputs[0]), &[]),
            Op::Concat => self.concat(id)?,
            Op::Curve(Curve::Sigmoid) if id != self.graph.output => {
                let reason = "a Sigmoid is supported at the end of a mask network only";
                return Err(self.graph.unsupported(id, reason).into());
            }
            Op::Curve(curve) => {
                self.emit(id, Kind::Lookup { curve: *curve }, self.place(node.inputs[0]), &[]);
            }
            Op::Affine(_) | Op::Pad(_) => return Err(self.graph.unsupported(id, "was not folded").into()),
        }
        Ok(())
    }

    /// Gives the tensor its levels; a tensor that has others already is brought to these by a layer.
    fn quantise(&mut self, id: NodeId, levels: Levels) {
        let Some(tensor) = self.places[self.graph.nodes[id].inputs[0]] else {
            return; // of the logits
        };
        let found = &mut self.tensors[tensor];
        match found.levels {
            None => {
                found.levels = Some(levels);
                found.value.clone_from(&self.graph.nodes[id].value);
                self.places[id] = Some(tensor);
            }
            Some(same) if same == levels => self.places[id] = Some(tensor),
            Some(_) => {
                self.emit(id, Kind::Add { other: None }, tensor, &[]);
                if let Some(output) = self.places[id] {
                    self.tensors[output].levels = Some(levels);
                }
            }
        }
    }

    fn place(&self, id: NodeId) -> TensorId {
        self.places[id].unwrap_or_default()
    }

    fn only_reader(&self, id: NodeId) -> Option<NodeId> {
        match self.readers[id].as_slice() {
            [reader] if id != self.graph.output => Some(*reader),
            _ => None,
        }
    }

    /// The sum that the convolution `id` takes in: its only reader, unless a later operand takes it.
    fn host_of(&self, id: NodeId) -> Option<NodeId> {
        let sum = self.only_reader(id).filter(|reader| self.graph.nodes[*reader].op == Op::Add)?;
        (self.operands(sum).0 == id).then_some(sum)
    }

    /// The operands of a sum, the one to fuse with first: the last convolution that nothing else reads.
    fn operands(&self, sum: NodeId) -> (NodeId, NodeId) {
        let [a, b] = [self.graph.nodes[sum].inputs[0], self.graph.nodes[sum].inputs[1]];
        let fusible = |id: NodeId| {
            self.readers[id] == [sum] && matches!(self.graph.nodes[id].op, Op::Conv(_) | Op::Dense(_))
        };
        if fusible(b) && (b > a || !fusible(a)) { (b, a) } else { (a, b) }
    }

    fn weighted(&mut self, id: NodeId, window: Window) {
        let input = self.place(self.graph.nodes[id].inputs[0]);
        let kind = if Some(id) == self.last {
            Kind::Logits { window }
        } else {
            Kind::Conv { window, residual: None }
        };
        self.emit(id, kind, input, &[]);
    }

    fn add(&mut self, id: NodeId) -> Result<(), CompileError> {
        let (first, second) = self.operands(id);
        let other = self.place(second);
        let host = &self.graph.nodes[first];
        let window = match &host.op {
            Op::Conv(conv) => Some(Window::conv(conv)),
            Op::Dense(dense) => Some(Window::dense(dense, &self.tensors[self.place(host.inputs[0])])),
            _ => None,
        };
        if let Some(window) = window.filter(|_| self.host_of(first) == Some(id)) {
            self.same_map(id, host.shape, other)?;
            let input = self.place(host.inputs[0]);
            self.emit(first, Kind::Conv { window, residual: Some(other) }, input, &[id]);
        } else {
            let input = self.place(first);
            self.same_map(id, self.map_shape(input), other)?;
            self.emit(id, Kind::Add { other: Some(other) }, input, &[]);
        }
        Ok(())
    }

    /// Whether a join repeats the pixels that this node would repeat.
    fn joined(&self, id: NodeId) -> bool {
        let is_join = |reader: NodeId| self.graph.nodes[reader].op == Op::Concat;
        self.graph.nodes[id].op == Op::Upsample && self.only_reader(id).is_some_and(is_join)
    }

    fn concat(&mut self, id: NodeId) -> Result<(), CompileError> {
        let operands = [0, 1].map(|i| self.graph.nodes[id].inputs[i]);
        let [first, second] = operands
            .map(|operand| if self.joined(operand) { self.graph.nodes[operand].inputs[0] } else { operand });
        let (first, second) = (self.place(first), self.place(second));
        let channels = self.tensors[first].channels;
        if !channels.is_multiple_of(CHANNEL_GROUP) {
            let reason = format!(
                "{channels} channels before those of the second map: a multiple of {CHANNEL_GROUP} is supported"
            );
            return Err(self.graph.unsupported(id, reason).into());
        }
        self.emit(id, Kind::Join { other: Some(second) }, first, &[]);
        let taken = operands.into_iter().filter(|operand| self.joined(*operand));
        let names: Vec<String> = taken
            .flat_map(|id| {
                let node = &self.graph.nodes[id];
                [slice::from_ref(&node.name), node.absorbed.as_slice()].concat()
            })
            .collect();
        if let Some(layer) = self.layers.last_mut() {
            layer.absorbed.extend(names);
        }
        Ok(())
    }

    fn map_shape(&self, id: TensorId) -> Shape {
        let Activation { channels, height, width, .. } = self.tensors[id];
        Shape::Map { channels, height, width }
    }

    /// Two vectors of one length may still be maps of different layout.
    fn same_map(&self, sum: NodeId, shape: Shape, other: TensorId) -> Result<(), CompileError> {
        let as_map = match shape {
            Shape::Vector(channels) => Shape::Map { channels, height: 1, width: 1 },
            map => map,
        };
        if as_map == self.map_shape(other) {
            return Ok(());
        }
        Err(self.graph.unsupported(sum, "adds a flattened map to a vector of another layout").into())
    }

    /// Appends the layer of node `id`, fused with the nodes `fused` and with a ReLU that alone reads the result.
    fn emit(&mut self, id: NodeId, kind: Kind, input: TensorId, fused: &[NodeId]) {
        let mut made = fused.last().copied().unwrap_or(id);
        let mut covered: Vec<NodeId> = [&[id], fused].concat();
        let relu = self.only_reader(made).filter(|reader| self.graph.nodes[*reader].op == Op::Relu);
        let stand_alone = matches!(self.graph.nodes[id].op, Op::Relu | Op::Curve(_));
        if let Some(relu) = relu.filter(|_| !stand_alone) {
            made = relu;
            covered.push(relu);
        }
        let output = (Some(id) != self.last).then(|| self.output(&kind, input, made));
        let nodes = || covered.iter().map(|id| &self.graph.nodes[*id]);
        let absorbed =
            nodes().flat_map(|node| [slice::from_ref(&node.name), node.absorbed.as_slice()].concat());
        self.layers.push(Layer {
            name: self.graph.nodes[id].name.clone(),
            absorbed: absorbed.skip(1).collect(),
            kind,
            relu: nodes().any(|node| node.op == Op::Relu),
            input,
            output,
        });
        covered.iter().for_each(|id| self.places[*id] = output);
    }

    /// A new tensor for what the layer makes: elementwise layers keep the layout of their input.
    fn output(&mut self, kind: &Kind, input: TensorId, made: NodeId) -> TensorId {
        let shape = match kind {
            Kind::Add { .. } | Kind::Lookup { .. } => self.map_shape(input),
            _ => self.graph.nodes[made].shape,
        };
        self.tensor(made, shape)
    }

    fn tensor(&mut self, id: NodeId, shape: Shape) -> TensorId {
        let (channels, height, width) = match shape {
            Shape::Map { channels, height, width } => (channels, height, width),
            Shape::Vector(features) => (features, 1, 1),
        };
        let value = self.graph.nodes[id].value.clone();
        self.tensors.push(Activation {
            channels,
            height,
            width,
            border: 0,
            mirrored: false,
            value,
            levels: None,
        });
        self.tensors.len() - 1
    }
}

/// Gives every tensor the border that the windows of its readers reach into. It has one kind of border: all readers that
/// pad must pad alike.
fn set_borders(tensors: &mut [Activation], layers: &[Layer]) -> Result<(), CompileError> {
    let mut padded = vec![None; tensors.len()];
    for layer in layers {
        let (Kind::Conv { window, .. }, Some(output)) = (&layer.kind, layer.output) else { continue };
        let (_, kernel_h, kernel_w, _) = window.weight.dim();
        let (rows, columns) = (tensors[output].height, tensors[output].width);
        let input = &mut tensors[layer.input];
        if !window.padding.is_empty() {
            let mirrored = window.padding.mirrored;
            if *padded[layer.input].get_or_insert(mirrored) != mirrored {
                let value = &input.value;
                return Err(CompileError::Mismatch(format!(
                    "layer {}: {value} is padded with zeros for one layer and with mirrored pixels for another",
                    layer.name
                )));
            }
            input.mirrored = mirrored;
        }
        let below =
            ((rows - 1) * window.strides.0 + kernel_h).saturating_sub(window.padding.top + input.height);
        let right =
            ((columns - 1) * window.strides.1 + kernel_w).saturating_sub(window.padding.left + input.width);
        input.border = input.border.max(below).max(right).max(window.padding.top).max(window.padding.left);
    }
    Ok(())
}
