"""What is measured, in which order. Rounds go over all programs in turn: a drift of the machine hits them alike."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from .others import PYTHON_PEERS, RUST_PEERS, RustPeer, Worker
from .ours import Ours
from .places import Missing, Places


class Program(Protocol):
    """Something that votes."""

    name: str

    def votes(self, batch: int, seconds: float) -> dict: ...

    def certificate(self, batch: int, n: int) -> dict: ...

    def close(self) -> None: ...


@dataclass
class Plan:
    """The sizes of a run."""

    groups: list[tuple[str, int]]
    batches: list[int]
    budgets: list[int]
    rounds: int
    seconds: float
    slow_s: float
    peers: list[str] = field(default_factory=list)


FULL = Plan(
    groups=[(level, threads) for threads in (1, 2) for level in ("native", "avx512vnni", "avxvnni", "avx2")],
    batches=[1, 10, 100, 1000],
    budgets=[100, 1000, 10000],
    rounds=5,
    seconds=0.4,
    slow_s=4.0,
)
QUICK = Plan(
    groups=[("native", 1), ("avx2", 1), ("native", 2)],
    batches=[1, 100],
    budgets=[1000],
    rounds=3,
    seconds=0.15,
    slow_s=1.5,
)
RUST_LIMITS = {"batch": 100, "n": 1000}
REST_S = 0.03


def left_out(name: str, threads: int, batch: int, n: int) -> bool:
    """What is not asked: the Rust peers get slower with the batch, and tract has one thread."""
    if name not in RUST_PEERS:
        return False
    too_large = batch > RUST_LIMITS["batch"] or n > RUST_LIMITS["n"]
    return too_large or (name == "tract" and threads > 1)


def start(places: Places, name: str, level: str, threads: int) -> Program:
    """Any program by its name."""
    if name == Ours.name:
        return Ours(places, level, threads)
    if name in PYTHON_PEERS:
        return Worker(places, name, level, threads)
    return RustPeer(places, name, level, threads)


def busy() -> float:
    """Cores that something else kept busy during half a second."""

    def jiffies() -> tuple[int, int]:
        with open("/proc/stat", encoding="ascii") as stat:
            values = [int(part) for part in stat.readline().split()[1:9]]
        return sum(values), values[3] + values[4]

    total, idle = jiffies()
    time.sleep(0.5)
    total_after, idle_after = jiffies()
    share = 1 - (idle_after - idle) / max(1, total_after - total)
    return share * (os.cpu_count() or 1)


def clock_ghz(places: Places) -> float | None:
    """The clock that a core runs at now; it may change between hours and hosts."""
    if not places.peak.exists():
        return None
    done = subprocess.run([str(places.peak), "--clock"], capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else None


def measure(places: Places, plan: Plan, level: str, threads: int) -> Iterator[dict]:
    """All records of one instruction set and number of threads, as they come."""
    others = busy()
    programs: list[Program] = []
    for name in [Ours.name, *plan.peers]:
        try:
            programs.append(start(places, name, level, threads))
        except Missing as missing:
            if name == Ours.name:
                raise
            note(f"skipped: {name} at {level}, {threads} threads ({missing})")
    try:
        where = {"level": level, "threads": threads, "busy_cores": round(others, 2)}
        for record in rounds(places, programs, plan, level, threads):
            yield {**where, **record}
    finally:
        for program in programs:
            program.close()


def rounds(places: Places, programs: list[Program], plan: Plan, level: str, threads: int) -> Iterator[dict]:
    """Votes of every batch, then certificates at the batch that each program was best with."""
    dropped: set[tuple[str, str, int]] = set()
    best: dict[str, dict[int, float]] = {}
    for round_ in range(plan.rounds):
        note(f"{level}, {threads} threads: samples, round {round_ + 1} of {plan.rounds}")
        yield {"peer": "", "kind": "clock", "ghz": clock_ghz(places), "round": round_}
        for batch in plan.batches:
            for program in turned(programs, round_):
                key = (program.name, "votes", batch)
                if key in dropped or left_out(program.name, threads, batch, 0):
                    continue
                answer = timed(
                    program, plan.slow_s, round_, key, dropped, functools.partial(program.votes, batch, plan.seconds)
                )
                us = answer.get("us_per_sample")
                if us:
                    known = best.setdefault(program.name, {})
                    known[batch] = min(us, known.get(batch, us))
                yield {"peer": program.name, "kind": "votes", "batch": batch, "round": round_, **answer}
    batch_of = {name: min(known, key=lambda batch: known[batch]) for name, known in best.items()}
    for round_ in range(plan.rounds):
        note(f"{level}, {threads} threads: certificates, round {round_ + 1} of {plan.rounds}")
        for n in plan.budgets:
            for program in turned(programs, round_):
                key = (program.name, "certificate", n)
                if key in dropped or program.name not in batch_of or left_out(program.name, threads, 0, n):
                    continue
                batch = batch_of[program.name]
                answer = timed(
                    program, plan.slow_s, round_, key, dropped, functools.partial(program.certificate, batch, n)
                )
                yield {
                    "peer": program.name,
                    "kind": "certificate",
                    "n": n,
                    "batch": batch,
                    "round": round_,
                    **answer,
                }


def turned(programs: list[Program], round_: int) -> list[Program]:
    """Each round begins with another program."""
    shift = round_ % len(programs)
    return programs[shift:] + programs[:shift]


def timed(
    program: Program,
    slow_s: float,
    round_: int,
    key: tuple[str, str, int],
    dropped: set[tuple[str, str, int]],
    ask: Callable[[], dict],
) -> dict:
    """An answer; what fails is not asked again, what takes long only in two rounds."""
    time.sleep(REST_S)  # threads of the one before come to rest
    began = time.monotonic()
    try:
        answer = ask()
    except Missing as missing:
        answer = {"error": str(missing)}
    if "error" in answer:
        note(f"failed: {' '.join(str(part) for part in key)} ({answer['error']})")
    slow = program.name != Ours.name and time.monotonic() - began > slow_s
    if "error" in answer or (slow and round_ > 0):
        dropped.add(key)
    return answer


def note(text: str) -> None:
    """Progress on standard error."""
    print(text, file=sys.stderr, flush=True)
