"""ringfence behind the same questions as the peers. `ringfence bench` answers them; a program without that verb is
timed through `ringfence certify`."""

from __future__ import annotations

import json
import os
import random
import statistics
import struct
import subprocess
import zlib
from pathlib import Path

from .places import Missing, Places, cores

N0 = 100


class Ours:
    """One program run for each question, held to a level and to its cores like the peers."""

    name = "ringfence"

    def __init__(self, places: Places, level: str, threads: int) -> None:
        self.places, self.threads = places, threads
        self.env = places.masked(level, threads)
        self.cores = cores(threads)
        self.backend = json.loads(self.certify("--max", "1")[-1])["summary"]["backend"]
        self.us_per_sample = 1000.0
        self.has_bench = self.call("bench", "--help", check=False).returncode == 0

    def call(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a verb; a failure is an error with the program's own words."""
        done = subprocess.run(
            [str(self.places.ringfence), *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, self.cores),
        )
        if check and done.returncode:
            raise Missing(f"ringfence {arguments[0]} failed: {done.stderr.strip()}")
        return done

    def certify(self, *arguments: str) -> list[str]:
        """JSON lines of `certify` on pictures of any kind that fit the model."""
        model = str(self.places.rfm)
        spec = data_spec(self.places)
        return self.call(
            "certify", model, "--json", "--threads", str(self.threads), "--data", spec, *arguments
        ).stdout.splitlines()

    def bench(self, batch: int, n: int, seconds: float) -> dict:
        """One answer of `ringfence bench`."""
        settings = {"--backends": self.backend, "--threads": self.threads, "--n": n, "--seconds": seconds}
        flags = [str(part) for pair in settings.items() for part in pair]
        lines = self.call("bench", str(self.places.rfm), "--json", *side_by_side(batch), *flags).stdout.splitlines()
        answers = [json.loads(line) for line in lines]
        return next(answer for answer in answers if answer.get("backend") == self.backend)

    def votes(self, batch: int, seconds: float) -> dict:
        """Microseconds a noisy sample, noise included."""
        if self.has_bench:
            answer = self.bench(batch, 1000, seconds)
            us = self.us_per_sample = answer["us_per_sample_median"]
            return {
                "us_per_sample": us,
                "us_best": answer["us_per_sample"],
                "us_noise": answer["us_noise_per_sample"],
                "backend": self.backend,
            }
        times = self.times(batch, 1000, seconds)
        return {"us_per_sample": statistics.median(times) / (1000 + N0) * 1e6, "backend": self.backend}

    def certificate(self, batch: int, n: int) -> dict:
        """Seconds of a whole certificate."""
        if self.has_bench:
            # `bench` leaves out a certificate that takes more than ten times its seconds.
            seconds = max(0.05, (n + N0) * self.us_per_sample * 1e-6 / 5)
            found = self.bench(batch, n, seconds)["certificate_s"]
            if found is None:
                found = self.bench(batch, n, 10 * seconds)["certificate_s"]
            if found is None:
                return {"error": f"certificates of N = {n} take more than {100 * seconds:.0f} s"}
            return {"certificate_s": found, "backend": self.backend}
        return {"certificate_s": statistics.median(self.times(batch, n, 0.0)), "backend": self.backend}

    def times(self, batch: int, n: int, seconds: float) -> list[float]:
        """Seconds of each picture of `certify`, the first left out."""
        pictures = 3
        while True:
            lines = self.certify(*side_by_side(batch), "--n", str(n), "--max", str(pictures))
            times = [json.loads(line)["time_s"] for line in lines if '"time_s"' in line][1:]
            if sum(times) >= seconds or pictures >= 64:
                return times
            pictures = min(64, int(pictures * max(2.0, seconds / max(sum(times), 1e-6))))

    def close(self) -> None:
        """Nothing stays alive between questions."""


def side_by_side(batch: int) -> list[str]:
    """ringfence runs as many samples side by side as is good for its caches, however many are asked for at once."""
    return ["--batch", "1"] if batch == 1 else []


def data_spec(places: Places) -> str:
    """A data set for `certify`: the given file, a file made here for CIFAR-10 models, else the built-in signs."""
    if "signs" in places.rfm.name:
        return "signs"
    if places.data:
        return f"cifar10:{places.data}"
    made = places.prepared / "pictures.bin"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        dice = random.Random(1)
        made.write_bytes(b"".join(b"\0" + dice.randbytes(3 * 32 * 32) for _ in range(64)))
    return f"cifar10:{made}"


def write_png(path: Path, shape: tuple[int, int, int]) -> None:
    """A grey picture that `ringfence predict --image` reads."""
    channels, height, width = shape
    kind = {1: 0, 3: 2}[channels]
    rows = b"".join(b"\0" + bytes(128 for _ in range(width * channels)) for _ in range(height))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
