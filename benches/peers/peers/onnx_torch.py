"""A network of an ONNX file as a PyTorch module: operators of residual networks and U-Nets, run eagerly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper

Values = list[torch.Tensor]


def conv(x: Values, a: dict) -> torch.Tensor:
    top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
    if (top, left) != (bottom, right):
        raise ValueError("Conv with unequal pads")
    return F.conv2d(x[0], x[1], x[2] if len(x) > 2 else None, a["strides"], (top, left), a["dilations"], a["group"])


def pool(function: Callable) -> Callable[[Values, dict], torch.Tensor]:
    return lambda x, a: function(x[0], a["kernel_shape"], a["strides"], a.get("pads", [0, 0])[:2])


def norm(x: Values, a: dict) -> torch.Tensor:
    return F.batch_norm(x[0], x[3], x[4], x[1], x[2], False, 0.0, a.get("epsilon", 1e-5))


def gemm(x: Values, a: dict) -> torch.Tensor:
    return F.linear(x[0], x[1] if a.get("transB") else x[1].T, x[2] if len(x) > 2 else None)


def resize(x: Values, a: dict) -> torch.Tensor:
    if a.get("mode", b"nearest") != b"nearest" or x[1].tolist() != [1, 1, 2, 2]:
        raise ValueError("Resize other than twice the size by the nearest pixel")
    return F.interpolate(x[0], scale_factor=2.0, mode="nearest")


OPERATORS: dict[str, Callable[[Values, dict], torch.Tensor]] = {
    "Conv": conv,
    "BatchNormalization": norm,
    "Relu": lambda x, a: F.relu(x[0]),
    "Add": lambda x, a: x[0] + x[1],
    "Sub": lambda x, a: x[0] - x[1],
    "Div": lambda x, a: x[0] / x[1],
    "Mul": lambda x, a: x[0] * x[1],
    "Resize": resize,
    "MaxPool": pool(F.max_pool2d),
    "AveragePool": pool(F.avg_pool2d),
    "GlobalAveragePool": lambda x, a: F.adaptive_avg_pool2d(x[0], 1),
    "Flatten": lambda x, a: torch.flatten(x[0], 1),
    "Concat": lambda x, a: torch.cat(x, a["axis"]),
    "Gemm": gemm,
}


class Network(torch.nn.Module):
    """Runs the nodes in their order; a node that is not known is an error that names it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        graph = onnx.load(path).graph
        self.constants = {i.name: torch.from_numpy(np.array(numpy_helper.to_array(i))) for i in graph.initializer}
        self.input, self.output = graph.input[0].name, graph.output[0].name
        self.steps = []
        for node in graph.node:
            if node.op_type not in OPERATORS:
                raise ValueError(f"operator {node.op_type} of {path.name} is not written for PyTorch here")
            given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
            attributes = {"strides": [1, 1], "dilations": [1, 1], "group": 1, **given}
            self.steps.append((OPERATORS[node.op_type], list(node.input), node.output[0], attributes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = {**self.constants, self.input: x}
        for run, inputs, output, attributes in self.steps:
            values[output] = run([values[name] for name in inputs if name], attributes)
        return values[self.output]
