"""Networks of the usual shapes with random weights. Time does not depend on weights, so none were trained. They are
drawn from fixed seeds, scaled so that values keep their size from layer to layer, and biased so that several classes occur:
each form of a network has to give the same answers.

    python -m peers.networks NAME FOLDER       FOLDER/NAME.onnx, and FOLDER/calibration.bin to calibrate with
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from .images import smooth

SHAPE, CLASSES = (3, 32, 32), 10
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CALIBRATION, SHOWN = 256, 16


class Builder:
    """An ONNX graph from the image on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.random = np.random.default_rng(sum(name.encode()))
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.channels: dict[str, int] = {"image": SHAPE[0]}

    def constant(self, values: object) -> str:
        """Adds a constant of single precision."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def node(self, kind: str, inputs: list[str], channels: int, **attributes: object) -> str:
        """Adds a node and gives its value's name."""
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        self.channels[name] = channels
        return name

    def normalised(self) -> str:
        """The image less the mean, over the deviation."""
        mean, deviation = (self.constant(np.reshape(values, (1, -1, 1, 1))) for values in (MEAN, DEVIATION))
        return self.node("Div", [self.node("Sub", ["image", mean], 3), deviation], 3)

    def conv(self, x: str, outputs: int, kernel: int = 3, stride: int = 1, gain: float = 2.0, relu: bool = True) -> str:
        """A convolution whose result has `gain` times the power of what it reads; a ReLU takes half of it away."""
        shape = (outputs, self.channels[x], kernel, kernel)
        weight = self.random.normal(0, np.sqrt(gain / np.prod(shape[1:])), shape)
        bias = self.random.normal(0, 0.05, outputs)
        inputs = [x, self.constant(weight), self.constant(bias)]
        pads = [kernel // 2] * 4
        y = self.node("Conv", inputs, outputs, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads)
        return self.node("Relu", [y], outputs) if relu else y

    def classes(self, x: str) -> onnx.ModelProto:
        """The average of each channel, one dense layer, and the end."""
        features = self.channels[x]
        x = self.node("Flatten", [self.node("GlobalAveragePool", [x], features)], features)
        weight = self.random.normal(0, 1, (CLASSES, features))
        inputs = [x, self.constant(weight), self.constant(np.zeros(CLASSES))]
        self.nodes.append(helper.make_node("Gemm", inputs, ["logits"], "logits", transB=1))
        given = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", *SHAPE])
        wanted = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])
        graph = helper.make_graph(self.nodes, self.name, [given], [wanted], self.constants)
        return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def centred(model: onnx.ModelProto, pictures: np.ndarray) -> onnx.ModelProto:
    """The network with a last bias that takes the mean off each logit."""
    logits = ReferenceEvaluator(model).run(None, {"image": pictures})[0]
    bias = model.graph.initializer[-1]
    bias.CopyFrom(numpy_helper.from_array(-logits.mean(0), bias.name))
    return model


def resnet(depth: int) -> Callable[[Builder], onnx.ModelProto]:
    """The CIFAR ResNet of 6 n + 2 layers, shortcuts by 1 x 1 convolutions where the size changes."""
    blocks = (depth - 2) // 6

    def build(b: Builder) -> onnx.ModelProto:
        x = b.conv(b.normalised(), 16)
        for stage, width in enumerate((16, 32, 64)):
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                y = b.conv(b.conv(x, width, stride=stride), width, gain=1 / (3 * blocks), relu=False)
                short = b.conv(x, width, kernel=1, stride=stride, gain=1.0, relu=False) if stride == 2 else x
                x = b.node("Relu", [b.node("Add", [y, short], width)], width)
        return b.classes(x)

    return build


def unet(base: int) -> Callable[[Builder], onnx.ModelProto]:
    """A U-Net of four levels with `base` channels at the finest; its mask of one channel is averaged into classes."""

    def double(b: Builder, x: str, width: int) -> str:
        return b.conv(b.conv(x, width), width)

    def build(b: Builder) -> onnx.ModelProto:
        x, skipped = b.normalised(), []
        for level in range(4):
            x = double(b, x, base << level)
            if level < 3:
                skipped.append(x)
                x = b.node("MaxPool", [x], base << level, kernel_shape=[2, 2], strides=[2, 2])
        twice = b.constant([1, 1, 2, 2])
        for skip in reversed(skipped):
            how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            up = b.node("Resize", [x, "", twice], b.channels[x], **how)
            x = b.node("Concat", [up, skip], b.channels[up] + b.channels[skip], axis=1)
            x = double(b, x, b.channels[skip])
        return b.classes(b.conv(x, 1, kernel=1, gain=1.0, relu=False))

    return build


NETWORKS = {"resnet8": resnet(8), "resnet110": resnet(110), "unet8": unet(8)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=NETWORKS)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    pictures = np.rint(255 * smooth(CALIBRATION, SHAPE, 1)).astype(np.uint8)
    shown = np.float32(pictures[:SHOWN]) / 255 + 0.25 * np.random.default_rng(1).standard_normal((SHOWN, *SHAPE))
    model = centred(NETWORKS[args.name](Builder(args.name)), shown.astype(np.float32))
    onnx.checker.check_model(model)
    onnx.save(model, args.folder / f"{args.name}.onnx")
    labels = (np.arange(CALIBRATION) % CLASSES).astype(np.uint8)
    np.column_stack([labels, pictures.reshape(CALIBRATION, -1)]).tofile(args.folder / "calibration.bin")


if __name__ == "__main__":
    main()
