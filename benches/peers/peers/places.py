"""Where things lie, and the error that names what is missing."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent
LEVELS = ["native", "avx512vnni", "avxvnni", "avx2"]


class Missing(Exception):
    """Something that the user has to provide; the text says what to do."""


@dataclass
class Places:
    """The folder that `setup` filled, and the network under test."""

    root: Path
    onnx: Path
    rfm: Path
    ringfence: Path
    data: Path | None = None

    @property
    def python(self) -> Path:
        """The interpreter that the Python peers were installed for."""
        return self.root / "venv" / "bin" / "python"

    @property
    def rust_peers(self) -> Path:
        """The program that holds tract and rten."""
        return self.root / "rust" / "release" / "rust-peers"

    @property
    def mask(self) -> Path:
        """The library that hides instruction sets."""
        return self.root / "lib" / "libmaskcpu.so"

    @property
    def peak(self) -> Path:
        """The program that measures the clock."""
        return self.root / "peak" / "release" / "peak"

    @property
    def footprint(self) -> Path:
        """The program that measures memory and wall time of another."""
        return self.root / "lib" / "footprint"

    @property
    def prepared(self) -> Path:
        """Quantised forms of the network; made once for each ONNX file."""
        digest = hashlib.sha256(self.onnx.read_bytes()).hexdigest()[:16]
        return self.root / "prepared" / f"{self.onnx.stem}-{digest}"

    def has_module(self, name: str) -> bool:
        """Whether the virtual environment has this package."""
        site = self.root / "venv" / "lib"
        return any(site.glob(f"python*/site-packages/{name}"))

    def masked(self, level: str, threads: int = 1) -> dict[str, str]:
        """Environment of a process that shall see no more than `level`."""
        env = dict(os.environ, OMP_NUM_THREADS=str(threads), OMP_WAIT_POLICY="passive")
        env.update(RTEN_NUM_THREADS=str(threads), RAYON_NUM_THREADS=str(threads), TF_CPP_MIN_LOG_LEVEL="3")
        env["PYTHONPATH"] = str(HERE)
        if level != "native":
            env.update(LD_PRELOAD=str(self.mask), MASKCPU=level)
        return env

    def check(self) -> None:
        """Fails with what is missing before anything is measured."""
        if not self.onnx.is_file():
            raise Missing(f"no ONNX file {self.onnx}")
        if not self.python.exists():
            raise Missing(f"no peers in {self.root}; run benches/peers/setup first")
        if not self.ringfence.is_file():
            raise Missing(f"no program {self.ringfence}; run `cargo build --release` or pass --ringfence PROGRAM")
        if not self.rfm.is_file():
            raise Missing(
                f"no model {self.rfm} beside the ONNX file; make it with `ringfence compile` or pass --rfm FILE"
            )

    def level_works(self, level: str) -> bool:
        """Whether processes can be held to this level here."""
        if level == "native":
            return True
        if not self.mask.exists():
            return False
        done = subprocess.run(["true"], env=self.masked(level), capture_output=True)
        return done.returncode == 0


def cores(threads: int) -> set[int]:
    """The last cores this process may use: every measured program gets the same ones."""
    return set(sorted(os.sched_getaffinity(0))[-threads:])
