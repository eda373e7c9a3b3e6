"""Noisy copies of one picture, written straight into a network's input buffer."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

Fill = Callable[[np.ndarray], None]


def parts(buffer: np.ndarray, threads: int) -> list[np.ndarray]:
    """The batch in as many runs of samples as there are threads."""
    return [part for part in np.array_split(buffer, threads) if len(part)]


def spread(threads: int, one: Callable[[int, np.ndarray], None]) -> Fill:
    """Draws in as many threads as the network computes in; each has its own generator."""
    if threads == 1:
        return lambda buffer: one(0, buffer)
    pool = ThreadPoolExecutor(threads)

    def fill(buffer: np.ndarray) -> None:
        list(pool.map(one, range(threads), parts(buffer, threads)))

    return fill


def numpy_noise(picture: np.ndarray, scale: np.ndarray, threads: int) -> Fill:
    """numpy's ziggurat in single precision, SFC64: its fastest."""
    generators = [np.random.Generator(np.random.SFC64(seed)) for seed in range(threads)]

    def one(thread: int, out: np.ndarray) -> None:
        generators[thread].standard_normal(dtype=np.float32, out=out)
        out *= scale
        out += picture

    return spread(threads, one)


def torch_noise(picture: np.ndarray, scale: np.ndarray, threads: int) -> Fill:
    """torch's vectorised Box-Muller."""
    import torch

    torch.set_num_threads(1)
    generators = [torch.Generator().manual_seed(seed) for seed in range(threads)]
    centre, width = torch.from_numpy(picture), torch.from_numpy(scale)

    def one(thread: int, out: np.ndarray) -> None:
        tensor = torch.from_numpy(out)
        tensor.normal_(generator=generators[thread])
        tensor.mul_(width).add_(centre)

    return spread(threads, one)


def fastest(picture: np.ndarray, scale: np.ndarray, threads: int, kinds: list[str]) -> tuple[str, Fill]:
    """The faster of numpy and torch on a hundred samples; a missing torch leaves numpy."""
    buffer = np.empty((100, *picture.shape), np.float32)
    found: list[tuple[float, str, Fill]] = []
    for kind, make in (("numpy", numpy_noise), ("torch", torch_noise)):
        if kind not in kinds:
            continue
        try:
            fill = make(picture, scale, threads)
        except ImportError:
            continue
        fill(buffer)
        times = []
        for _ in range(5):
            start = time.perf_counter()
            fill(buffer)
            times.append(time.perf_counter() - start)
        found.append((min(times), kind, fill))
    _, kind, fill = min(found, key=lambda entry: entry[0])
    return kind, fill
