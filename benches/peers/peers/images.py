"""Pictures to calibrate with and to time on. Times do not depend on what a picture shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

RECORD = 1 + 3 * 32 * 32


def pictures(count: int, shape: tuple[int, int, int], data: Path | None, seed: int = 1) -> np.ndarray:
    """`count` pictures of [0, 1]: from a file in CIFAR-10's binary format, else smooth random ones."""
    if data is None:
        return smooth(count, shape, seed)
    raw = np.fromfile(data, np.uint8)
    if shape != (3, 32, 32) or len(raw) == 0 or len(raw) % RECORD:
        raise SystemExit(f"{data} does not hold records of {RECORD} bytes for a network of shape {shape}")
    chosen = np.resize(raw.reshape(-1, RECORD)[:, 1:], (count, RECORD - 1))
    return chosen.reshape(count, *shape).astype(np.float32) / 255


def smooth(count: int, shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """Sums of a few random waves in each channel, scaled into [0, 1]."""
    random = np.random.default_rng(seed)
    channels, height, width = shape
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = np.zeros((count, channels, height, width))
    for _ in range(6):
        u, v, phase, power = (
            random.uniform(a, b, (count, channels, 1, 1)) for a, b in ((-4, 4), (-4, 4), (0, 7), (0, 1))
        )
        waves += power * np.sin(2 * np.pi * (u * x + v * y) + phase)
    low, high = waves.min((2, 3), keepdims=True), waves.max((2, 3), keepdims=True)
    return ((waves - low) / (high - low)).astype(np.float32)
