"""ONNX Runtime's QDQ network as a LiteRT file with the same scales and weights.

Covers residual networks and U-Nets: Conv, Relu, Add, MaxPool, Resize, Concat, GlobalAveragePool, Flatten, Gemm.
Activations move from unsigned to signed bytes (128 less), pictures and weights from CHW to HWC. Unequal borders of a
strided convolution are a PAD of their own, which XNNPACK merges into the convolution.
"""

from __future__ import annotations

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as tfl
from onnx import helper, numpy_helper


class Writer:
    """Collects tensors and operators of a LiteRT graph."""

    def __init__(self) -> None:
        self.tensors: list[tfl.TensorT] = []
        self.buffers = [tfl.BufferT()]
        self.operators: list[tfl.OperatorT] = []
        self.codes: list[int] = []

    def tensor(
        self,
        name: str,
        shape: list[int],
        kind: int,
        data: np.ndarray | None = None,
        scale: np.ndarray | None = None,
        zero: int = 0,
        axis: int = 0,
    ) -> int:
        """Adds a tensor; one with data is a constant."""
        made = tfl.TensorT()
        made.name, made.shape, made.type = name, shape, kind
        if len(shape) and data is None:
            made.shapeSignature = [-1, *shape[1:]]
        if scale is not None:
            made.quantization = tfl.QuantizationParametersT()
            made.quantization.scale = np.atleast_1d(scale).astype(np.float32)
            made.quantization.zeroPoint = np.full(np.size(scale), zero, np.int64)
            made.quantization.quantizedDimension = axis
        if data is not None:
            buffer = tfl.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            made.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.tensors.append(made)
        return len(self.tensors) - 1

    def operator(self, code: int, inputs: list[int], output: int, kind: int = 0, options: object = None) -> None:
        """Adds an operator."""
        if code not in self.codes:
            self.codes.append(code)
        made = tfl.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = self.codes.index(code), inputs, [output]
        made.builtinOptionsType, made.builtinOptions = kind, options
        self.operators.append(made)

    def finish(self, inputs: list[int], outputs: list[int]) -> bytes:
        """The file."""
        graph = tfl.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = (
            self.tensors,
            self.operators,
            inputs,
            outputs,
        )
        model = tfl.ModelT()
        model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], self.buffers, []
        for code in self.codes:
            made = tfl.OperatorCodeT()
            made.builtinCode, made.deprecatedBuiltinCode, made.version = code, min(code, 127), 1
            model.operatorCodes.append(made)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


class Converter:
    """Walks the QDQ graph once; `where` leads from a float value's name to its tensor."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = model.graph
        self.constants = {i.name: numpy_helper.to_array(i) for i in self.graph.initializer}
        self.out = Writer()
        self.where: dict[str, int] = {}
        self.shapes: dict[int, list[int]] = {}
        self.fixed: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.ranges: dict[str, tuple[np.ndarray, int]] = {}
        for node in self.graph.node:
            if node.op_type == "QuantizeLinear" and node.input[0] not in self.constants:
                scale, zero = (self.constants[name] for name in node.input[1:3])
                self.ranges[node.input[0]] = scale, int(zero) - 128

    def activation(self, name: str, shape: list[int]) -> int:
        """A tensor of signed bytes with the range that calibration found for this value."""
        if name not in self.ranges:
            raise ValueError(f"value {name} has no quantised form")
        scale, zero = self.ranges[name]
        made = self.out.tensor(name, shape, tfl.TensorType.INT8, scale=scale, zero=zero)
        self.where[name], self.shapes[made] = made, shape
        return made

    def convert(self) -> bytes:
        """The whole graph."""
        given = self.graph.input[0]
        channels, height, width = (dim.dim_value for dim in given.type.tensor_type.shape.dim[1:])
        first = self.activation(given.name, [1, height, width, channels])
        rules = {
            "QuantizeLinear": self.alias,
            "DequantizeLinear": self.dequantise,
            "Conv": self.conv,
            "Relu": self.alias,
            "Add": self.add,
            "MaxPool": self.max_pool,
            "Resize": self.resize,
            "Concat": self.concat,
            "GlobalAveragePool": self.mean,
            "Flatten": self.alias,
            "Gemm": self.gemm,
        }
        for node in self.graph.node:
            if node.op_type not in rules:
                raise ValueError(f"operator {node.op_type} is not written for LiteRT here")
            rules[node.op_type](node)
        return self.out.finish([first], [self.where[self.graph.output[0].name]])

    def alias(self, node: onnx.NodeProto) -> None:
        """Another name for the same tensor: steps between bytes and floats, and what the range already clamps."""
        if node.op_type == "Relu" and self.ranges.get(node.output[0], (0, 1))[1] != -128:
            raise ValueError(f"{node.output[0]}: a Relu that is not part of the range")
        self.where[node.output[0]] = self.where[node.input[0]]

    def dequantise(self, node: onnx.NodeProto) -> None:
        if node.input[0] in self.constants:
            self.fixed[node.output[0]] = self.constants[node.input[0]], self.constants[node.input[1]]
        else:
            self.alias(node)

    def weights(self, node: onnx.NodeProto, order: list[int]) -> list[int]:
        """Weights a channel in LiteRT's order (outputs first), and the bias."""
        weight, scale = self.fixed[node.input[1]]
        weight = weight.transpose(order)
        made = self.out.tensor(node.input[1], list(weight.shape), tfl.TensorType.INT8, weight, np.atleast_1d(scale))
        bias, bias_scale = self.fixed[node.input[2]]
        biased = self.out.tensor(node.input[2], list(bias.shape), tfl.TensorType.INT32, bias, np.atleast_1d(bias_scale))
        return [made, biased]

    def conv(self, node: onnx.NodeProto) -> None:
        a = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        stride = a.get("strides", [1, 1])
        top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
        if a.get("group", 1) != 1 or a.get("dilations", [1, 1]) != [1, 1] or a.get("auto_pad", b"NOTSET") != b"NOTSET":
            raise ValueError(f"Conv {node.name}: groups, dilations or automatic pads")
        source = self.where[node.input[0]]
        _, height, width, channels = self.shapes[source]
        weight, _ = self.fixed[node.input[1]]
        kernel = weight.shape[2]
        same = stride == [1, 1] and top == left == bottom == right == kernel // 2 and kernel % 2 == 1
        if not same and (top or left or bottom or right):
            source = self.pad(source, [[0, 0], [top, bottom], [left, right], [0, 0]])
        shape = [
            1,
            (height + top + bottom - kernel) // stride[0] + 1,
            (width + left + right - weight.shape[3]) // stride[1] + 1,
            weight.shape[0],
        ]
        options = tfl.Conv2DOptionsT()
        options.padding = tfl.Padding.SAME if same else tfl.Padding.VALID
        options.strideH, options.strideW = stride
        parts = self.weights(node, [0, 2, 3, 1])
        result = self.activation(self.ranged(node.output[0]), shape)
        self.where[node.output[0]] = result
        self.out.operator(
            tfl.BuiltinOperator.CONV_2D, [source, *parts], result, tfl.BuiltinOptions.Conv2DOptions, options
        )

    def ranged(self, name: str) -> str:
        """The name under which a value is quantised: its own, or that of the Relu behind it."""
        if name in self.ranges:
            return name
        users = [node for node in self.graph.node if name in node.input]
        if len(users) == 1 and users[0].op_type == "Relu":
            return users[0].output[0]
        return name

    def pad(self, source: int, borders: list[list[int]]) -> int:
        tensor, shape = self.out.tensors[source], self.shapes[source]
        wide = [size + sum(border) for size, border in zip(shape, borders, strict=True)]
        quantisation = tensor.quantization
        made = self.out.tensor(
            f"padded.{len(self.out.tensors)}",
            wide,
            tfl.TensorType.INT8,
            scale=quantisation.scale,
            zero=int(quantisation.zeroPoint[0]),
        )
        self.shapes[made] = wide
        amounts = self.out.tensor(f"pads.{made}", [4, 2], tfl.TensorType.INT32, np.array(borders, np.int32))
        self.out.operator(
            tfl.BuiltinOperator.PAD, [source, amounts], made, tfl.BuiltinOptions.PadOptions, tfl.PadOptionsT()
        )
        return made

    def add(self, node: onnx.NodeProto) -> None:
        inputs = [self.where[name] for name in node.input]
        result = self.activation(self.ranged(node.output[0]), self.shapes[inputs[0]])
        self.where[node.output[0]] = result
        self.out.operator(tfl.BuiltinOperator.ADD, inputs, result, tfl.BuiltinOptions.AddOptions, tfl.AddOptionsT())

    def max_pool(self, node: onnx.NodeProto) -> None:
        a = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if a["kernel_shape"] != [2, 2] or a.get("strides") != [2, 2] or any(a.get("pads", [0])):
            raise ValueError(f"MaxPool {node.name}: other than two by two pixels at strides of two")
        source = self.where[node.input[0]]
        _, height, width, channels = self.shapes[source]
        options = tfl.Pool2DOptionsT()
        options.padding = tfl.Padding.VALID
        options.strideH = options.strideW = options.filterHeight = options.filterWidth = 2
        result = self.activation(node.output[0], [1, height // 2, width // 2, channels])
        kind = tfl.BuiltinOptions.Pool2DOptions
        self.out.operator(tfl.BuiltinOperator.MAX_POOL_2D, [source], result, kind, options)

    def resize(self, node: onnx.NodeProto) -> None:
        if self.constants[node.input[2]].tolist() != [1, 1, 2, 2]:
            raise ValueError(f"Resize {node.name}: other than twice the size")
        source = self.where[node.input[0]]
        _, height, width, channels = self.shapes[source]
        result = self.activation(node.output[0], [1, 2 * height, 2 * width, channels])
        sides = np.array([2 * height, 2 * width], np.int32)
        size = self.out.tensor(f"size.{result}", [2], tfl.TensorType.INT32, sides)
        kind = tfl.BuiltinOptions.ResizeNearestNeighborOptions
        options = tfl.ResizeNearestNeighborOptionsT()
        options.alignCorners = options.halfPixelCenters = False
        self.out.operator(tfl.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR, [source, size], result, kind, options)

    def concat(self, node: onnx.NodeProto) -> None:
        """Signed bytes must have the result's range before LiteRT puts them side by side."""
        name = node.output[0]
        inputs = [self.requantised(self.where[given], name) for given in node.input]
        shapes = [self.shapes[given] for given in inputs]
        result = self.activation(name, [*shapes[0][:3], sum(shape[3] for shape in shapes)])
        options = tfl.ConcatenationOptionsT()
        options.axis = 3
        kind = tfl.BuiltinOptions.ConcatenationOptions
        self.out.operator(tfl.BuiltinOperator.CONCATENATION, inputs, result, kind, options)

    def requantised(self, source: int, name: str) -> int:
        """The same tensor in the range of the value `name`."""
        scale, zero = self.ranges[name]
        quantisation = self.out.tensors[source].quantization
        if (float(quantisation.scale[0]), int(quantisation.zeroPoint[0])) == (float(scale), zero):
            return source
        shape = self.shapes[source]
        label = f"requantised.{len(self.out.tensors)}"
        made = self.out.tensor(label, shape, tfl.TensorType.INT8, scale=scale, zero=zero)
        self.shapes[made] = shape
        kind = tfl.BuiltinOptions.QuantizeOptions
        self.out.operator(tfl.BuiltinOperator.QUANTIZE, [source], made, kind, tfl.QuantizeOptionsT())
        return made

    def mean(self, node: onnx.NodeProto) -> None:
        source = self.where[node.input[0]]
        result = self.activation(node.output[0], [1, self.shapes[source][3]])
        axes = self.out.tensor(f"axes.{result}", [2], tfl.TensorType.INT32, np.array([1, 2], np.int32))
        options = tfl.ReducerOptionsT()
        options.keepDims = False
        self.out.operator(tfl.BuiltinOperator.MEAN, [source, axes], result, tfl.BuiltinOptions.ReducerOptions, options)

    def gemm(self, node: onnx.NodeProto) -> None:
        a = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        parts = self.weights(node, [0, 1] if a.get("transB") else [1, 0])
        result = self.activation(node.output[0], [1, self.out.tensors[parts[0]].shape[0]])
        self.out.operator(
            tfl.BuiltinOperator.FULLY_CONNECTED,
            [self.where[node.input[0]], *parts],
            result,
            tfl.BuiltinOptions.FullyConnectedOptions,
            tfl.FullyConnectedOptionsT(),
        )


def convert(model: onnx.ModelProto) -> bytes:
    """The bytes of the LiteRT file."""
    return Converter(model).convert()
