"""The command line of `benches/peers/run`."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .footprint import PACKAGES, footprints
from .others import PYTHON_PEERS, RUST_PEERS, absent
from .places import HERE, LEVELS, REPOSITORY, Missing, Places
from .report import tables
from .schedule import FULL, QUICK, Plan, measure, note
from .subjects import NETWORKS, Subject, answers_of, subjects

ALL = [*PYTHON_PEERS, *RUST_PEERS]
SCHEMA = "ringfence.peers/2"


def arguments() -> argparse.Namespace:
    """What can be asked for."""
    parser = argparse.ArgumentParser(
        prog="benches/peers/run", description="ringfence beside other runtimes, same network"
    )
    parser.add_argument("--net", default="resnet20", help=f"networks, of {','.join(NETWORKS)}, or all")
    parser.add_argument("--onnx", type=Path, help="another network in their place")
    parser.add_argument("--rfm", type=Path, help="ringfence's form of it (default: beside the ONNX file)")
    parser.add_argument("--sigma", type=float, help="noise (default: from the card beside the ONNX file, else 0.25)")
    parser.add_argument("--data", type=Path, help="pictures to calibrate with, CIFAR-10 binary format (default: made)")
    parser.add_argument("--calibration", choices=["percentile", "minmax"], default="percentile")
    parser.add_argument("--ringfence", type=Path, default=REPOSITORY / "target/release/ringfence", help="program")
    root = Path(os.environ.get("PEERS_DIR", REPOSITORY / "target/peers"))
    parser.add_argument("--peers-dir", type=Path, default=root, help="folder that setup filled")
    parser.add_argument("--only", help=f"peers to measure, of {','.join(ALL)}")
    parser.add_argument("--levels", help=f"instruction sets, of {','.join(LEVELS)}")
    parser.add_argument("--threads", help="for example 1 or 1,2")
    parser.add_argument("--batches", help="for example 1,100")
    parser.add_argument("--budgets", help="N of the certificates, for example 1000")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="one to two minutes instead of half an hour to an hour")
    parser.add_argument("--no-footprint", action="store_true", help="without memory, disk and first answer")
    parser.add_argument("--best", action="store_true", help="fastest calls in place of medians, for a busy machine")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes all raw figures")
    parser.add_argument("--resume", action="store_true", help="adds to what the file of --json holds")
    parser.add_argument("--from", dest="stored", type=Path, metavar="FILE", help="prints the table of stored figures")
    return parser.parse_args()


def numbers(text: str | None, default: list[int]) -> list[int]:
    """A list of numbers from the command line."""
    return [int(part) for part in text.split(",")] if text else default


def plan_of(args: argparse.Namespace) -> Plan:
    """Quick or full, with what was asked for in place of its sizes."""
    base = QUICK if args.quick else FULL
    groups = base.groups
    if args.levels or args.threads:
        levels = args.levels.split(",") if args.levels else list(dict.fromkeys(level for level, _ in groups))
        unknown = [level for level in levels if level not in LEVELS]
        if unknown:
            raise Missing(f"no level {unknown[0]}; known are {', '.join(LEVELS)}")
        groups = [(level, threads) for threads in numbers(args.threads, [1]) for level in levels]
    cores = len(os.sched_getaffinity(0))
    return dataclasses.replace(
        base,
        groups=[(level, threads) for level, threads in groups if threads <= cores],
        batches=numbers(args.batches, base.batches),
        budgets=numbers(args.budgets, base.budgets),
        rounds=args.rounds or base.rounds,
    )


def prepare(places: Places, args: argparse.Namespace, sigma: float) -> dict:
    """Quantised files, made at the first run for a network and its pictures."""
    facts = places.prepared / "prepared.json"
    wanted = {"sigma": sigma, "calibration": args.calibration, "data": str(places.data) if places.data else None}
    if facts.exists():
        stored = json.loads(facts.read_text())
        if all(stored.get(key) == value for key, value in wanted.items()):
            return stored
    note(f"quantising {places.onnx.name} for the peers (once)")
    command = [str(places.python), "-m", "peers.prepare", str(places.onnx), str(places.prepared)]
    command += ["--sigma", str(sigma), "--calibration", args.calibration]
    command += ["--data", str(places.data)] if places.data else []
    env = dict(os.environ, PYTHONPATH=str(HERE), TF_CPP_MIN_LOG_LEVEL="3")
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    (places.prepared / "prepare.log").write_text(done.stdout + done.stderr)
    for line in done.stderr.splitlines():
        if line.startswith("skipped:"):
            note(line)
    if done.returncode:
        raise Missing(f"the network could not be prepared; see {places.prepared / 'prepare.log'}")
    return json.loads(facts.read_text())


def chosen(places: Places, only: str | None) -> tuple[list[str], dict[str, str]]:
    """Peers that will be measured, and why the others will not."""
    wanted = only.split(",") if only else ALL
    unknown = [name for name in wanted if name not in [*ALL, "ringfence"]]
    if unknown:
        raise Missing(f"no peer {unknown[0]}; known are {', '.join(ALL)}")
    reasons = {name: absent(places, name) for name in wanted if name != "ringfence"}
    skipped = {name: why for name, why in reasons.items() if why}
    for name, why in skipped.items():
        note(f"skipped: {name} ({why}); see benches/peers/README.md")
    return [name for name, why in reasons.items() if not why], skipped


def versions(places: Places, peers: list[str]) -> dict[str, str]:
    """Versions of what is measured."""
    code = "import importlib.metadata as m, sys; print(*[m.version(n) for n in sys.argv[1:]])"
    names = [name for name in peers if name in PACKAGES]
    done = subprocess.run(
        [str(places.python), "-c", code, *(PACKAGES[name] for name in names)], capture_output=True, text=True
    )
    found = dict(zip(names, done.stdout.split(), strict=False))
    lock = (HERE / "rust" / "Cargo.lock").read_text()
    for name in (name for name in peers if name in RUST_PEERS):
        package = {"tract": "tract-onnx"}.get(name, name)
        match = re.search(rf'name = "{package}"\nversion = "([^"]+)"', lock)
        found[name] = match.group(1) if match else "?"
    return found


def cpu() -> str:
    """The CPU's own name for itself."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def compare(args: argparse.Namespace) -> dict:
    """All networks, one after the other."""
    stored = stored_runs(args)
    base = {"root": args.peers_dir.resolve(), "ringfence": args.ringfence.resolve()}
    result = {"schema": SCHEMA, "runs": stored}
    for subject in subjects(args, base["root"], base["ringfence"]):
        places = Places(onnx=subject.onnx, rfm=subject.rfm, data=subject.data, **base)
        run = settings(places, args, subject)
        known = next((old for old in stored if old["onnx"] == run["onnx"]), None)
        if known:
            check_same(known, run)
            run = known
        else:
            result["runs"].append(run)
        complete(places, run, lambda: save(args.json, result), plan_of(args), not args.no_footprint)
    return result


def stored_runs(args: argparse.Namespace) -> list[dict]:
    """What an earlier run has left to be continued."""
    if not args.json or not args.json.exists():
        return []
    if not args.resume:
        raise Missing(f"{args.json} exists; --resume adds to it")
    stored = json.loads(args.json.read_text())
    if stored.get("schema") != SCHEMA:
        raise Missing(f"{args.json} is of schema {stored.get('schema')}, expected {SCHEMA}")
    return stored["runs"]


def settings(places: Places, args: argparse.Namespace, subject: Subject) -> dict:
    """A run without records: what is measured and how."""
    places.check()
    facts = prepare(places, args, subject.sigma)
    plan = plan_of(args)
    plan.peers, skipped = chosen(places, args.only)
    agreement = {"ringfence": answers_of(places), **facts["agreement"]}
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes"),
        "network": subject.name,
        "trained": subject.trained,
        "onnx": places.onnx.name,
        "onnx_sha256": hashlib.sha256(places.onnx.read_bytes()).hexdigest(),
        "sigma": subject.sigma,
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "peers": plan.peers,
        "skipped": skipped,
        "versions": versions(places, plan.peers),
        "agreement": {name: agreement[name] for name in ["ringfence", *plan.peers] if name in agreement},
        "plan": {key: value for key, value in dataclasses.asdict(plan).items() if key not in ("groups", "peers")},
        "done": [],
        "records": [],
    }


def check_same(known: dict, run: dict) -> None:
    """Figures of unlike runs do not belong into one table."""
    for key in ("onnx_sha256", "sigma", "cpu", "peers", "versions", "plan"):
        if known[key] != run[key]:
            found = f"the stored run has {key} {known[key]}, this one {run[key]}"
            raise Missing(f"{run['onnx']}: {found}; use another file")


def complete(places: Places, run: dict, store: Callable[[], None], plan: Plan, footprint: bool) -> None:
    """Measures what a run still lacks; a group that was cut off is measured again."""
    plan.peers = run["peers"]
    done = [tuple(group) for group in run["done"]]
    kept = [r for r in run["records"] if r["kind"] == "footprint" or (r["level"], r["threads"]) in done]
    run["records"] = kept
    for level, threads in plan.groups:
        if (level, threads) in done:
            continue
        if not places.level_works(level):
            note(f"skipped: level {level} (needs libmaskcpu.so of setup and a CPU whose CPUID can fault)")
            continue
        note(f"{run['network']}: {level}, {threads} threads")
        for record in measure(places, plan, level, threads):
            run["records"].append(record)
        run["done"].append([level, threads])
        store()
    if footprint and places.footprint.exists() and all(r["kind"] != "footprint" for r in run["records"]):
        note(f"{run['network']}: memory, disk and first answers")
        run["records"] += footprints(places, plan.peers, 3 if plan.rounds <= QUICK.rounds else 9)
    store()


def save(path: Path | None, result: dict) -> None:
    """Writes after each group: a run that is stopped keeps what it has."""
    if path:
        part = path.with_suffix(path.suffix + ".part")
        part.write_text(json.dumps(result, indent=1) + "\n")
        part.replace(path)


def main() -> int:
    """Runs the comparison or prints a stored one."""
    args = arguments()
    try:
        result = json.loads(args.stored.read_text()) if args.stored else compare(args)
    except (Missing, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(tables(result, args.best))
    return 0
