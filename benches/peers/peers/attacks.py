"""Attacks of ringfence-trainer beside those of Foolbox and torchattacks: same network, images and budgets.

The trainer attacks the checkpoint, the libraries the ONNX file that was exported from it. Robust accuracies should agree
within half a point or ours be lower, median distances within two percent.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .places import REPOSITORY, Missing

PIXELS = 3 * 32 * 32


@dataclass
class Row:
    """An attack in both programs."""

    name: str
    norm: str
    ours: str
    peer: str
    theirs: Callable


def images(file: Path, count: int):
    """The first images of a file in CIFAR-10's binary format, in [0, 1], and their labels."""
    import numpy as np
    import torch

    records = np.frombuffer(file.read_bytes(), np.uint8).reshape(-1, 1 + PIXELS)[:count]
    pixels = records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255
    return torch.from_numpy(pixels), torch.from_numpy(records[:, 0].astype(np.int64))


def foolbox_attack(make: Callable, sized: bool = False) -> Callable:
    """An attack of Foolbox as images -> adversarial images; one that looks for the nearest image gets no bound."""

    def run(net, x, y, epsilon):
        import foolbox

        model = foolbox.PyTorchModel(net, bounds=(0, 1), device="cpu")
        _, found, success = make(foolbox.attacks)(model, x, y, epsilons=epsilon if sized else None)
        # What it gives where it failed is not an adversarial image.
        return found.where(success[:, None, None, None], x)

    return run


def torch_attack(make: Callable) -> Callable:
    """An attack of torchattacks as images -> adversarial images."""

    def run(net, x, y, epsilon):
        import torchattacks

        return make(torchattacks, net, epsilon)(x, y)

    return run


def rows() -> list[Row]:
    """The attacks that both have, with equal numbers."""
    f, t = foolbox_attack, torch_attack
    return [
        Row("FGSM", "linf", "fgsm", "foolbox", f(lambda a: a.LinfFastGradientAttack(), True)),
        Row("PGD-20", "linf", "pgd-20", "foolbox", f(lambda a: a.LinfPGD(rel_stepsize=0.25, steps=20), True)),
        Row("APGD-CE", "linf", "apgd-ce", "torchattacks",
            t(lambda m, net, e: m.APGD(net, norm="Linf", eps=e, steps=100, n_restarts=1, loss="ce"))),
        Row("Square", "linf", "square", "torchattacks",
            t(lambda m, net, e: m.Square(net, norm="Linf", eps=e, n_queries=5000, n_restarts=1))),
        Row("FAB", "linf", "fab", "torchattacks",
            t(lambda m, net, e: m.FAB(net, norm="Linf", eps=e, steps=100, n_restarts=1, n_classes=10))),
        Row("PGD-20", "l2", "pgd-20", "foolbox", f(lambda a: a.L2PGD(rel_stepsize=0.25, steps=20), True)),
        Row("DeepFool", "l2", "deepfool", "foolbox", f(lambda a: a.L2DeepFoolAttack(steps=50, candidates=10))),
        Row("DDN", "l2", "ddn", "foolbox", f(lambda a: a.DDNAttack(steps=100, init_epsilon=1.0, gamma=0.05))),
        Row("Carlini-Wagner", "l2", "carlini", "foolbox",
            f(lambda a: a.L2CarliniWagnerAttack(binary_search_steps=9, steps=1000, stepsize=0.01))),
    ]


def trainer(arguments: argparse.Namespace, row: Row, epsilon: str) -> dict:
    """Our report of one attack."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "attack.json"
        command = [arguments.trainer, "attack", arguments.checkpoint, "--attacks", row.ours, "--norm", row.norm]
        command += ["--epsilon", epsilon, "--data", f"cifar10:{arguments.data}", "--max", str(arguments.max)]
        command += ["--json", str(report), "--threads", str(arguments.threads)]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        if done.returncode:
            raise Missing(f"{command[0]} attack: {done.stderr.strip()}")
        return json.loads(report.read_text())


def ours(report: dict) -> tuple[float, float]:
    """Robust accuracy, and the median distance at which images that were right are wrong."""
    right = [i for i in report["per_image"] if i["clean"]]
    least = [math.inf if i["least"] is None else i["least"] for i in right]
    return report["outcomes"][0]["robust"], statistics.median(least)


def theirs(row: Row, net, x, y, epsilon: float) -> tuple[float, float]:
    """The same of a library's images, judged by one forward pass of the clipped images within the bound."""
    import torch

    found = []
    for i in range(0, len(x), 50):
        found.append(row.theirs(net, x[i : i + 50], y[i : i + 50], epsilon).detach().clamp(0, 1))
    with torch.no_grad():
        adversarial = torch.cat(found)
        wrong, before = net(adversarial).argmax(1) != y, net(x).argmax(1) != y
    delta = (adversarial - x).flatten(1)
    at = delta.abs().amax(1) if row.norm == "linf" else delta.norm(dim=1)
    right = [(w, d) for w, b, d in zip(wrong.tolist(), before.tolist(), at.tolist(), strict=True) if not b]
    distances = [d if w else math.inf for w, d in right]
    held = sum(d > epsilon * (1 + 1e-5) for d in distances)
    return held / len(x), statistics.median(distances)


def ratio(text: str) -> float:
    """A number or a fraction."""
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, help="folder of a run of ringfence-trainer, CIFAR-10")
    parser.add_argument("--data", type=Path, required=True, help="folder of CIFAR-10's binary files")
    parser.add_argument("--max", type=int, default=100, help="images (default 100)")
    parser.add_argument("--linf", default="8/255", help="bound in L-infinity (default 8/255)")
    parser.add_argument("--l2", default="0.5", help="bound in L2 (default 0.5)")
    parser.add_argument("--only", help="attacks of ours, for example fgsm,ddn")
    parser.add_argument("--threads", type=int, default=0, help="threads of ringfence; 0: all")
    parser.add_argument("--trainer", type=Path, default=REPOSITORY / "target" / "release" / "ringfence-trainer")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    return parser.parse_args()


def main() -> int:
    """Prints a table."""
    arguments = parse()
    root = Path(os.environ.get("PEERS_DIR", REPOSITORY / "target" / "peers"))
    python = root / "venv" / "bin" / "python"
    if importlib.util.find_spec("torch") is None and python.exists():
        return subprocess.run([python, *sys.argv]).returncode
    missing = [name for name in ("torch", "onnx") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"error: {', '.join(missing)} not installed: benches/peers/setup", file=sys.stderr)
        return 2
    try:
        return compare(arguments)
    except Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def compare(arguments: argparse.Namespace) -> int:
    import torch

    from .onnx_torch import Network

    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.onnx"
        command = [arguments.trainer, "export", arguments.checkpoint, "-o", file, "--no-accuracy"]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        if done.returncode:
            raise Missing(done.stderr.strip())
        net = Network(file).eval()
    x, y = images(arguments.data / "test_batch.bin", arguments.max)
    results = []
    print("| attack | ball | ringfence, % left | library, % left | ringfence, median | library, median |")
    print("|---|---|---:|---:|---:|---:|")
    for row in rows():
        if arguments.only and row.ours not in arguments.only.split(","):
            continue
        if importlib.util.find_spec(row.peer) is None:
            print(f"skipped: {row.name}: {row.peer} is not installed (benches/peers/setup)", file=sys.stderr)
            continue
        epsilon = arguments.linf if row.norm == "linf" else arguments.l2
        a, b = ours(trainer(arguments, row, epsilon)), theirs(row, net, x, y, ratio(epsilon))
        results.append({"attack": row.name, "norm": row.norm, "epsilon": epsilon, "peer": row.peer,
                        "ours": {"accuracy": a[0], "median": a[1]}, "theirs": {"accuracy": b[0], "median": b[1]}})
        numbers = f"{100 * a[0]:.1f} | {100 * b[0]:.1f} | {a[1]:.4f} | {b[1]:.4f}"
        print(f"| {row.name} ({row.peer}) | {row.norm} {epsilon} | {numbers} |", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0
