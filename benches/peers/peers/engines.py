"""The Python peers behind one shape: an engine opens a prepared network and gives, for each batch, a function from a
buffer of pictures to logits."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Infer = Callable[[np.ndarray], np.ndarray]
Engine = Callable[[int], Infer]


def onnxruntime(folder: Path, threads: int, trials: bool) -> Engine:
    """ONNX Runtime on its QDQ file."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(folder / "u8s8.onnx"), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: lambda pictures: session.run(None, {name: pictures})[0]


def openvino_streams(folder: Path, file: str, threads: int, streams: int, batch: int) -> Infer:
    """OpenVINO with the batch in one request, or split over as many requests as there are streams."""
    import openvino as ov

    core = ov.Core()
    model = core.read_model(folder / file)
    share = batch // streams
    model.reshape([share, *list(model.input(0).partial_shape.get_min_shape())[1:]])
    settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": streams, "ENABLE_CPU_PINNING": False}
    compiled = core.compile_model(model, "CPU", settings)
    requests = [compiled.create_infer_request() for _ in range(streams)]

    bound: list[int] = []

    def infer(pictures: np.ndarray) -> np.ndarray:
        if bound != [pictures.ctypes.data]:
            for i, request in enumerate(requests):
                part = pictures[i * share : (i + 1) * share]
                request.set_input_tensor(ov.Tensor(part, shared_memory=True))
            bound[:] = [pictures.ctypes.data]
        if streams == 1:
            requests[0].infer()
            return requests[0].get_output_tensor().data
        for request in requests:
            request.start_async()
        for request in requests:
            request.wait()
        return np.concatenate([request.get_output_tensor().data for request in requests])

    return infer


def openvino(folder: Path, threads: int, trials: bool) -> Engine:
    """OpenVINO on the faster of nncf's file and ONNX Runtime's, with the faster number of streams."""

    def of_batch(batch: int) -> Infer:
        files = [name for name in ("openvino.xml", "u8s8.onnx") if (folder / name).exists()]
        streams = [1] + ([threads] if threads > 1 and batch % threads == 0 else [])
        if not trials:
            files, streams = files[:1], streams[:1]
        tried = [openvino_streams(folder, file, threads, many, batch) for file in files for many in streams]
        if len(tried) == 1:
            return tried[0]
        facts = json.loads((folder / "prepared.json").read_text())
        return quickest(tried, (batch, *facts["shape"]))

    return of_batch


def quickest(tried: list[Infer], shape: tuple[int, ...]) -> Infer:
    """The fastest of several ways, by the best of a few calls."""
    pictures = np.zeros(shape, np.float32)
    best: dict[int, float] = {}
    for _ in range(5):
        for i, infer in enumerate(tried):
            start = time.perf_counter()
            infer(pictures)
            best[i] = min(best.get(i, 1e9), time.perf_counter() - start)
    return tried[min(best, key=lambda i: best[i])]


def litert(folder: Path, threads: int, trials: bool) -> Engine:
    """LiteRT with XNNPACK, its default on CPUs. Pictures are quantised and turned to HWC inside the call."""
    from ai_edge_litert.interpreter import Interpreter

    def of_batch(batch: int) -> Infer:
        interpreter = Interpreter(model_path=str(folder / "litert.tflite"), num_threads=threads)
        given = interpreter.get_input_details()[0]
        _, height, width, channels = given["shape"]
        interpreter.resize_tensor_input(given["index"], [batch, height, width, channels])
        interpreter.allocate_tensors()
        wanted = interpreter.get_output_details()[0]
        scale, zero = given["quantization"]
        work = np.empty((batch, channels, height, width), np.float32)
        quantised = np.empty((batch, height, width, channels), np.int8)

        def infer(pictures: np.ndarray) -> np.ndarray:
            np.multiply(pictures, np.float32(1 / scale), out=work)
            np.add(work, np.float32(zero), out=work)
            np.rint(work, out=work)
            np.clip(work, -128, 127, out=work)
            np.copyto(quantised, work.transpose(0, 2, 3, 1), casting="unsafe")
            interpreter.set_tensor(given["index"], quantised)
            interpreter.invoke()
            logits = interpreter.get_tensor(wanted["index"])
            out_scale, out_zero = wanted["quantization"]
            return (logits.astype(np.float32) - out_zero) * np.float32(out_scale)

        return infer

    return of_batch


def torch(folder: Path, threads: int, trials: bool) -> Engine:
    """PyTorch in single precision, module by module, as the reference code of randomized smoothing runs."""
    import torch as t

    from .onnx_torch import Network

    t.set_num_threads(threads)
    network = Network(folder / "peer.onnx").eval()

    def infer(pictures: np.ndarray) -> np.ndarray:
        with t.no_grad():
            return network(t.from_numpy(pictures)).numpy()

    return lambda batch: infer


ENGINES: dict[str, Callable[[Path, int, bool], Engine]] = {
    "openvino": openvino,
    "onnxruntime": onnxruntime,
    "litert": litert,
    "torch": torch,
}


def open_engine(name: str, folder: Path, threads: int, trials: bool = True) -> Engine:
    """An engine by its name; without trials it takes its usual settings and does not look for faster ones."""
    return ENGINES[name](folder, threads, trials)
