"""Markdown tables out of the records of a run."""

from __future__ import annotations

import statistics
from collections.abc import Callable

Cell = tuple[float, float | None]
OURS = "ringfence"


def figure(value: float) -> str:
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def summary(values: list[float], best: bool) -> Cell:
    """Median, and half the range over the rounds as a share of it; or the best alone."""
    if best:
        return min(values), None
    middle = statistics.median(values)
    spread = (max(values) - min(values)) / 2 / middle if len(values) > 1 and middle else None
    return middle, spread


def row(title: str, cells: dict[str, Cell], names: list[str]) -> str:
    """A line of the table: each value, its spread, and how many times ours it is."""
    ours = cells.get(OURS)
    parts = []
    for name in names:
        if name not in cells:
            parts.append("")
            continue
        value, spread = cells[name]
        text = figure(value) + (f" ±{100 * spread:.0f}%" if spread is not None else "")
        if name != OURS and ours and ours[0]:
            text += f" ({value / ours[0]:.2f}x)"
        parts.append(text)
    return f"| {title} | " + " | ".join(parts) + " |"


def grouped(records: list[dict], kind: str, size: str, value: str) -> dict[tuple, dict[str, list[float]]]:
    """Values of all rounds by (threads, level, size) and program, in the order they were measured."""
    found: dict[tuple, dict[str, list[float]]] = {}
    for record in records:
        if record["kind"] == kind and record.get(value) is not None:
            key = (record["threads"], record["level"], record[size])
            found.setdefault(key, {}).setdefault(record["peer"], []).append(record[value])
    return found


FOOTPRINT: list[tuple[str, Callable[[dict], float | None]]] = [
    ("peak memory, N = 1000, MB", lambda r: r["certificate_peak_kb"] / 1024),
    ("start to first answer, ms", lambda r: r["first_answer_s"] * 1e3),
    ("to install, MB", lambda r: r["install_bytes"] / 1e6),
    ("of it program or libraries loaded, MB", lambda r: r.get("library_bytes", 0) / 1e6 or None),
]


def tables(result: dict, best: bool = False) -> str:
    """One table for each network."""
    return "\n\n".join(f"## {run['network']}\n\n{table(run, best)}" for run in result["runs"])


def table(run: dict, best: bool = False) -> str:
    """The whole table with the lines that one needs to read it. `best` takes the fastest call in place of medians: what
    is left to compare on a machine that other work disturbs."""
    records = run["records"]
    names = [OURS] + [name for name in run["peers"] if any(record["peer"] == name for record in records)]
    lines = [
        "| lower is better; (x) = times ringfence | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    samples = grouped(records, "votes", "batch", "us_best" if best else "us_per_sample")
    certificates = grouped(records, "certificate", "n", "certificate_s")
    settings = list(dict.fromkeys((threads, level) for threads, level, _ in [*samples, *certificates]))
    for threads, level in settings:
        where = f"{level}, {threads} thread{'s' if threads > 1 else ''}"
        for key, values in samples.items():
            if key[:2] == (threads, level):
                title = f"{where}: us a noisy sample, batch {key[2]}"
                lines.append(row(title, {name: summary(v, best) for name, v in values.items()}, names))
        for key, values in certificates.items():
            if key[:2] == (threads, level):
                title = f"{where}: ms a certificate, N = {key[2]}"
                lines.append(row(title, {n: summary([1e3 * x for x in v], best) for n, v in values.items()}, names))
    for title, value in FOOTPRINT:
        cells = {r["peer"]: value(r) for r in records if r["kind"] == "footprint"}
        known: dict[str, Cell] = {name: (size, None) for name, size in cells.items() if size is not None}
        if known:
            lines.append(row(title, known, names))
    return "\n".join(lines + ["", *notes(run, best)])


def notes(run: dict, best: bool) -> list[str]:
    """Machine, versions, agreement with the float network, and whether the machine was quiet."""
    records = run["records"]
    backends = {
        (r["level"], r["backend"]): None
        for r in records
        if r["kind"] == "votes" and r["peer"] == OURS and "backend" in r
    }
    lines = [
        f"{run['onnx']}, sigma {run['sigma']}; {run['cpu']}, {run['cores']} cores; {run['date']}",
        *([] if run["trained"] else ["weights are random, which does not change times: nothing was trained"]),
        "ringfence backends: " + ", ".join(f"{level} -> {backend}" for level, backend in backends),
        "fastest call of all rounds" if best else "median over the rounds of their medians, ± half their range",
    ]
    if run.get("agreement"):
        same = ", ".join(f"{n} {100 * a['same_class']:.1f} % ({a['snr_db']} dB)" for n, a in run["agreement"].items())
        lines.append(f"same class as the float network on noisy pictures: {same}")
    if run.get("versions"):
        lines.append("versions: " + ", ".join(f"{name} {version}" for name, version in run["versions"].items()))
    lines += [f"left out: {name}: {why}" for name, why in run.get("skipped", {}).items()]
    clocks = [record["ghz"] for record in records if record["kind"] == "clock" and record["ghz"]]
    if clocks:
        lines.append(f"core clock {min(clocks):.2f} .. {max(clocks):.2f} GHz")
    loudest = max((record.get("busy_cores", 0) for record in records), default=0)
    if loudest > 0.1:
        lines.append(f"NOT QUIET: other work kept up to {loudest:.1f} cores busy; these figures are not to be quoted")
    return lines
