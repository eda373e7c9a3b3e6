"""One peer in a process of its own, which stays alive between the rounds.

    python -m peers.worker ENGINE PREPARED_FOLDER THREADS     questions on standard input, answers on standard output
    .. --first                                                one picture, then exit
    .. --once BATCH N                                         one certificate, then exit

Questions and answers are lines of JSON: {"ask": "votes", "batch", "seconds"} and {"ask": "certificate", "batch", "n"}.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from .engines import Infer, open_engine
from .images import smooth
from .noise import fastest

N0, ALPHA = 100, 0.001


class Peer:
    """A network that votes over noisy copies of a picture."""

    def __init__(self, engine: str, folder: Path, threads: int, alone: bool) -> None:
        facts = json.loads((folder / "prepared.json").read_text())
        self.sigma = facts["sigma"]
        self.shape = tuple(facts["shape"])
        self.open = open_engine(engine, folder, threads, trials=not alone)
        mean, deviation = (np.float32(facts[key]).reshape(-1, 1, 1) for key in ("mean", "deviation"))
        self.picture = ((smooth(1, self.shape, 1)[0] - mean) / deviation).astype(np.float32)
        scale = np.broadcast_to(np.float32(self.sigma) / deviation, (len(self.picture), 1, 1)).astype(np.float32)
        # Alone in its process a peer does without torch for its noise: it would only cost memory.
        kinds = ["numpy"] if alone and engine != "torch" else ["numpy", "torch"]
        self.noise, self.fill = fastest(self.picture, scale, threads, kinds)
        if engine == "torch":
            import torch

            torch.set_num_threads(threads)
        self.ready: dict[int, tuple[np.ndarray, Infer]] = {}

    def batch(self, size: int) -> tuple[np.ndarray, Infer]:
        """The buffer and the network for this batch, warm."""
        if size not in self.ready:
            buffer = np.zeros((size, *self.shape), np.float32)
            infer = self.open(size)
            infer(buffer)
            infer(buffer)
            self.ready[size] = buffer, infer
        return self.ready[size]

    def votes(self, size: int, seconds: float) -> dict[str, float | str]:
        """Calls of one batch until the time is over: medians, noise and count included."""
        buffer, infer = self.batch(size)
        noise: list[float] = []
        total: list[float] = []
        start = time.perf_counter()
        while time.perf_counter() - start < seconds or not total:
            t0 = time.perf_counter()
            self.fill(buffer)
            t1 = time.perf_counter()
            logits = infer(buffer)
            np.bincount(logits.argmax(1), minlength=logits.shape[1])
            noise.append(t1 - t0)
            total.append(time.perf_counter() - t0)
        scale = 1e6 / size
        return {
            "us_per_sample": statistics.median(total) * scale,
            "us_best": min(total) * scale,
            "us_noise": statistics.median(noise) * scale,
            "calls": len(total),
            "noise": self.noise,
        }

    def count(self, n: int, size: int) -> np.ndarray:
        """Votes of n noisy copies."""
        counts: np.ndarray | int = 0
        while n:
            now = min(size, n)
            n -= now
            buffer, infer = self.batch(now)
            self.fill(buffer)
            logits = infer(buffer)
            counts = counts + np.bincount(logits.argmax(1), minlength=logits.shape[1])
        return np.asarray(counts)

    def certificate(self, size: int, n: int) -> dict[str, float | str]:
        """Selection, counting and bound, as CERTIFY of Cohen et al."""
        from scipy.stats import beta, norm

        # Networks for the sizes that occur are opened first; a service would do that once.
        for each in {min(size, N0), min(size, n), N0 % size, n % size} - {0}:
            self.batch(each)
        beta.ppf(ALPHA, 999, 2), norm.ppf(0.7)
        start = time.perf_counter()
        top = int(self.count(N0, size).argmax())
        hits = int(self.count(n, size)[top])
        bound = beta.ppf(ALPHA, hits, n - hits + 1) if hits else 0.0
        radius = self.sigma * norm.ppf(bound) if bound > 0.5 else 0.0
        return {"certificate_s": time.perf_counter() - start, "radius": float(radius)}


def serve(peer: Peer) -> None:
    """Answers until standard input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if asked["ask"] == "votes":
                answer = peer.votes(asked["batch"], asked["seconds"])
            else:
                answer = peer.certificate(asked["batch"], asked["n"])
        except Exception as error:  # the others go on
            answer = {"error": f"{type(error).__name__}: {str(error)[:200]}"}
        print(json.dumps(answer), flush=True)


def mapped_bytes() -> int:
    """Size of the shared libraries of packages that this process has loaded."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    files = {line.split(maxsplit=5)[-1] for line in lines if "site-packages" in line and ".so" in line}
    return sum(os.path.getsize(file) for file in files)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("folder", type=Path)
    parser.add_argument("threads", type=int)
    parser.add_argument("--first", action="store_true")
    parser.add_argument("--once", nargs=2, type=int, metavar=("BATCH", "N"))
    args = parser.parse_args()
    if args.first:
        facts = json.loads((args.folder / "prepared.json").read_text())
        picture = np.zeros((1, *facts["shape"]), np.float32)
        open_engine(args.engine, args.folder, args.threads, trials=False)(1)(picture)
        print(json.dumps({"library_bytes": mapped_bytes()}), flush=True)
        os._exit(0)  # the time to take a process down is not counted
    peer = Peer(args.engine, args.folder, args.threads, alone=bool(args.once))
    if args.once:
        print(json.dumps(peer.certificate(*args.once)), flush=True)
        os._exit(0)
    print(json.dumps({"noise": peer.noise}), flush=True)
    serve(peer)


if __name__ == "__main__":
    main()
