"""Memory, disk and the time to a first answer: each in fresh processes, one thread, native instruction set."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from .others import PYTHON_PEERS, RUST_PEERS, RustPeer
from .ours import Ours, write_png
from .places import Missing, Places, cores

BATCH, N = 100, 1000
PACKAGES = {
    "openvino": "openvino",
    "onnxruntime": "onnxruntime",
    "litert": "ai-edge-litert",
    "torch": "torch",
}

# Bytes and versions of a package with all that it requires.
CLOSURE = """
import importlib.metadata as meta, json, sys
from packaging.requirements import Requirement
todo, seen, total = sys.argv[1:], {}, 0
while todo:
    name = todo.pop().lower().replace("_", "-")
    if name in seen:
        continue
    try:
        dist = meta.distribution(name)
    except meta.PackageNotFoundError:
        continue
    seen[name] = dist.version
    for file in dist.files or []:
        path = dist.locate_file(file)
        total += path.stat().st_size if path.is_file() and path.suffix != ".pyc" else 0
    for line in dist.requires or []:
        need = Requirement(line)
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            todo.append(need.name)
print(json.dumps({"install_bytes": total, "packages": seen}))
"""


def fresh(places: Places, command: list[str]) -> tuple[dict, str]:
    """Runs a command to its end: wall seconds and peak memory, and its output."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        done = subprocess.run(
            [str(places.footprint), str(report), *command],
            env=places.masked("native"),
            capture_output=True,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores(1)),
        )
        facts = json.loads(report.read_text()) if report.exists() else {"status": done.returncode}
    if facts["status"]:
        raise Missing(f"{command[0]} ended with status {facts['status']}: {done.stderr.strip()[-200:]}")
    return facts, done.stdout


def commands(places: Places, name: str) -> tuple[list[str], list[str]]:
    """Command lines for one clean answer and for one vote over N noisy copies."""
    if name == Ours.name:
        facts = json.loads((places.prepared / "prepared.json").read_text())
        picture = places.prepared / "picture.png"
        write_png(picture, tuple(facts["shape"]))
        model = str(places.rfm)
        predict = [str(places.ringfence), "predict", model, "--image", str(picture), "--threads", "1"]
        return [*predict, "--vote", "clean"], [*predict, "--n", str(N)]
    if name in RUST_PEERS:
        peer = RustPeer(places, name, "native", 1)
        return peer.command(1, 0.0, 1), peer.command(10, 0.0, N)
    worker = [str(places.python), "-m", "peers.worker", name, str(places.prepared), "1"]
    return [*worker, "--first"], [*worker, "--once", str(BATCH), str(N)]


def disk(places: Places, name: str, first_output: str) -> dict:
    """What must be installed, the network's file included, and the shared libraries of it that are loaded."""
    prepared = places.prepared
    if name == Ours.name:
        size = places.ringfence.stat().st_size + places.rfm.stat().st_size
        return {"install_bytes": size, "library_bytes": size}
    if name in RUST_PEERS:
        size = places.rust_peers.stat().st_size + (prepared / "peer.onnx").stat().st_size
        return {"install_bytes": size, "library_bytes": size}
    done = subprocess.run([str(places.python), "-c", CLOSURE, PACKAGES[name], "numpy"], capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"sizes of {name}: {done.stderr.strip()[-200:]}")
    return {**json.loads(done.stdout), **json.loads(first_output.splitlines()[-1])}


def footprints(places: Places, peers: list[str], repeats: int) -> list[dict]:
    """One record a program."""
    records = []
    for name in [Ours.name, *peers]:
        if name in PYTHON_PEERS and not places.has_module(PYTHON_PEERS[name]):
            continue
        first, once = commands(places, name)
        fresh(places, first)  # files come into the page cache
        runs = [fresh(places, first) for _ in range(repeats)]
        work, _ = fresh(places, once)
        records.append(
            {
                "peer": name,
                "kind": "footprint",
                "first_answer_s": statistics.median(facts["seconds"] for facts, _ in runs),
                "first_answer_runs": [facts["seconds"] for facts, _ in runs],
                "first_peak_kb": runs[0][0]["peak_kb"],
                "certificate_peak_kb": work["peak_kb"],
                **disk(places, name, runs[0][1]),
            }
        )
    return records
