"""The networks under test: one that was trained, and others of usual shapes that need no training to be timed."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .ours import data_spec
from .places import HERE, REPOSITORY, Missing, Places
from .schedule import note

SHIPPED = {"resnet20": REPOSITORY / "models" / "cifar10-resnet20-s025.onnx"}
BUILT = ["resnet8", "resnet110", "unet8"]
NETWORKS = ["resnet8", "resnet20", "resnet110", "unet8"]
SIGMA = 0.25


@dataclass
class Subject:
    """A network in ONNX and in ringfence's form, and pictures that it can be calibrated with."""

    name: str
    onnx: Path
    rfm: Path
    sigma: float
    data: Path | None
    trained: bool


def subjects(args: argparse.Namespace, root: Path, ringfence: Path) -> Iterator[Subject]:
    """The networks that were asked for, made as they are needed."""
    data = args.data.resolve() if args.data else None
    if args.onnx:
        onnx = args.onnx.resolve()
        rfm = args.rfm.resolve() if args.rfm else onnx.with_suffix(".rfm")
        yield Subject(args.onnx.stem, onnx, rfm, sigma_of(args.sigma, onnx), data, True)
        return
    names = NETWORKS if args.net == "all" else args.net.split(",")
    unknown = [name for name in names if name not in NETWORKS]
    if unknown:
        raise Missing(f"no network {unknown[0]}; known are {', '.join(NETWORKS)} and all")
    for name in names:
        if name in SHIPPED:
            onnx = SHIPPED[name]
            yield Subject(name, onnx, onnx.with_suffix(".rfm"), sigma_of(args.sigma, onnx), data or smooth(root), True)
        else:
            yield built(name, root, ringfence, args.sigma or SIGMA, data)


def sigma_of(asked: float | None, onnx: Path) -> float:
    """Sigma of the card beside the file, if there is one."""
    card = onnx.with_suffix(".json")
    if asked is None and card.exists():
        return float(json.loads(card.read_text())["sigma"])
    return SIGMA if asked is None else asked


def built(name: str, root: Path, ringfence: Path, sigma: float, data: Path | None) -> Subject:
    """A network with random weights; its `.rfm` is made anew for another program."""
    folder = root / "networks"
    onnx, rfm = folder / f"{name}.onnx", folder / f"{name}-{sigma}.rfm"
    if not onnx.exists():
        build(name, root)
    pictures = data or smooth(root)
    if not rfm.exists() or rfm.stat().st_mtime < max(path.stat().st_mtime for path in (ringfence, onnx)):
        note(f"compiling {name} for ringfence")
        command = [str(ringfence), "compile", str(onnx), "--calibrate", f"cifar10:{pictures}"]
        run([*command, "--sigma", str(sigma), "--images", "128", "-o", str(rfm)], f"{name} could not be compiled")
    return Subject(name, onnx, rfm, sigma, pictures, False)


def smooth(root: Path) -> Path:
    """The pictures that come with the networks."""
    pictures = root / "networks" / "calibration.bin"
    if not pictures.exists():
        build(BUILT[0], root)
    return pictures


def build(name: str, root: Path) -> None:
    """Writes the ONNX file."""
    note(f"building {name} with random weights (once)")
    python = str(root / "venv" / "bin" / "python")
    run([python, "-m", "peers.networks", name, str(root / "networks")], f"{name} could not be built")


def run(command: list[str], what: str) -> str:
    """Runs a command to its end; a failure is an error with its last words."""
    if not Path(command[0]).exists():
        raise Missing(f"no program {command[0]}; run benches/peers/setup and `cargo build --release` first")
    done = subprocess.run(command, env=dict(os.environ, PYTHONPATH=str(HERE)), capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"{what}: {done.stderr.strip()[-300:]}")
    return done.stdout


def answers_of(places: Places) -> dict[str, float]:
    """How well ringfence's answers keep to those of the float network, on noisy pictures."""
    command = [str(places.ringfence), "validate", str(places.rfm), str(places.onnx), "--data", data_spec(places)]
    report = json.loads(run([*command, "--noisy", "--max", "128", "--json"], "ringfence validate failed"))
    snr = report["layers"][-1]["snr_db"]
    return {"same_class": report["agreement"], "snr_db": round(snr, 1) if snr is not None else float("inf")}
