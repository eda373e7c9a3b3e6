"""One ONNX file in, the forms that the peers run out. Runs once for each file, inside the virtual environment.

`peer.onnx`      the network without its leading normalisation: that is folded into scale and offset of the noise,
                 as someone who wants speed would do
`u8s8.onnx`      ONNX Runtime's QDQ form: unsigned 8-bit activations, signed weights a channel
`openvino.xml`   OpenVINO's own quantisation by nncf
`litert.tflite`  the QDQ form's scales and weights in LiteRT's format
`prepared.json`  input shape, mean and deviation, agreement of each form with the float network
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from .images import pictures

CALIBRATION = 128


def split_normalisation(model: onnx.ModelProto) -> tuple[np.ndarray, np.ndarray]:
    """Takes leading Sub and Div by constants off the graph and returns their constants (mean, deviation)."""
    graph = model.graph
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    mean, deviation = np.zeros((1, 1, 1), np.float32), np.ones((1, 1, 1), np.float32)
    name = graph.input[0].name
    while True:
        users = [node for node in graph.node if name in node.input]
        first = users[0]
        if len(users) != 1 or first.op_type not in ("Sub", "Div") or first.input[1] not in constants:
            return mean, deviation
        value = constants[first.input[1]].astype(np.float32).reshape(-1, 1, 1)
        if first.op_type == "Sub":
            mean = mean + value * deviation
        else:
            deviation = deviation * value
        for node in graph.node:
            for i, used in enumerate(node.input):
                if used == first.output[0]:
                    node.input[i] = name
        graph.node.remove(first)


def shape_of(model: onnx.ModelProto) -> tuple[int, int, int]:
    """Channels, height and width of the only input."""
    dims = model.graph.input[0].type.tensor_type.shape.dim
    channels, height, width = (dim.dim_value for dim in dims[1:])
    return channels, height, width


def quantise_ort(source: Path, target: Path, batches: list[np.ndarray], method: str) -> None:
    """Static QDQ, unsigned activations and weights a channel: ONNX Runtime's fast form on x86."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import CalibrationDataReader
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            name = onnx.load(source).graph.input[0].name
            self.rest: Iterator[dict[str, np.ndarray]] = iter([{name: batch} for batch in batches])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.rest, None)

    folded = target.with_suffix(".folded.onnx")
    quant_pre_process(str(source), str(folded), skip_symbolic_shape=True)
    quantize_static(
        str(folded),
        str(target),
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.Percentile if method == "percentile" else CalibrationMethod.MinMax,
        extra_options={"CalibPercentile": 99.99} if method == "percentile" else {},
    )


def quantise_openvino(source: Path, target: Path, batches: list[np.ndarray]) -> None:
    """nncf's post-training quantisation, preset `performance`."""
    import nncf
    import openvino

    model = openvino.Core().read_model(source)
    quantised = nncf.quantize(
        model, nncf.Dataset(batches), subset_size=len(batches), target_device=nncf.TargetDevice.CPU
    )
    openvino.save_model(quantised, target, compress_to_fp16=False)


def quantise_litert(source: Path, target: Path) -> None:
    """The QDQ file in LiteRT's format."""
    from .litert_file import convert

    target.write_bytes(convert(onnx.load(source)))


def agreement(folder: Path, engine: str, images: np.ndarray) -> dict[str, float]:
    """How well an engine's answers keep to those of the float network."""
    import onnxruntime

    from .engines import open_engine

    session = onnxruntime.InferenceSession(str(folder / "peer.onnx"), providers=["CPUExecutionProvider"])
    wanted = session.run(None, {session.get_inputs()[0].name: images})[0]
    found = open_engine(engine, folder, 1, trials=False)(len(images))(images)
    error = float(((found - wanted) ** 2).mean())
    snr = 10 * np.log10(float((wanted**2).mean()) / max(error, 1e-12))
    return {"same_class": float((found.argmax(1) == wanted.argmax(1)).mean()), "snr_db": round(float(snr), 1)}


def attempt(name: str, made: Path, make: Callable[[], None]) -> bool:
    """Makes one form; a failure is told and leaves the peer out."""
    try:
        make()
    except Exception as error:  # any tool may fail on any network
        print(f"skipped: {name} ({type(error).__name__}: {str(error)[:200]})", file=sys.stderr)
        made.unlink(missing_ok=True)
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("onnx", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sigma", type=float, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--calibration", choices=["percentile", "minmax"], default="percentile")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    model = onnx.load(args.onnx)
    shape = shape_of(model)
    mean, deviation = split_normalisation(model)
    peer = args.folder / "peer.onnx"
    onnx.save(model, peer)

    clean = pictures(2 * CALIBRATION, shape, args.data)
    noise = np.random.default_rng(2).standard_normal(clean.shape, np.float32)
    noisy = ((clean + args.sigma * noise - mean) / deviation).astype(np.float32)
    batches = [noisy[i : i + 8] for i in range(0, CALIBRATION, 8)]
    check = noisy[CALIBRATION:]

    qdq, xml, tflite = (args.folder / name for name in ("u8s8.onnx", "openvino.xml", "litert.tflite"))
    made = [
        ("onnxruntime", qdq, lambda: quantise_ort(peer, qdq, batches, args.calibration)),
        ("openvino", xml, lambda: quantise_openvino(peer, xml, batches)),
        ("litert", tflite, lambda: quantise_litert(qdq, tflite)),
    ]
    checks: dict[str, dict[str, float]] = {}
    facts = {
        "shape": shape,
        "mean": mean.ravel().tolist(),
        "deviation": deviation.ravel().tolist(),
        "sigma": args.sigma,
        "calibration": args.calibration,
        "data": str(args.data) if args.data else None,
        "agreement": checks,
    }

    def compare(engine: str) -> None:
        checks[engine] = agreement(args.folder, engine, check)

    for engine, file, make in made:
        if attempt(engine, file, make) and attempt(engine, file, functools.partial(compare, engine)):
            print(f"{engine}: {checks[engine]}", file=sys.stderr)
    (args.folder / "prepared.json").write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
