#!/usr/bin/env python3
"""Draws the figures of docs/concepts.md beside this file: smoothing.svg, certificate.svg, samples.svg, sigma.svg.

Python's standard library is all it needs. Every number is computed here or read from the cards of the shipped models.
"""

import json
import math
import random
from pathlib import Path
from statistics import NormalDist

HERE = Path(__file__).parent
MODELS = HERE.parent.parent / "models"
ALPHA = 0.001
NORMAL = NormalDist()

STYLE = """<style>
text{font:14px sans-serif;fill:#1b1f24}.small{font-size:12px}.paper{fill:#fff}.axis{stroke:#8a929c;fill:none}
.grid{stroke:#e3e6ea}.a{fill:#2f6fb5}.b{fill:#d9822b}.c{fill:#3b9158}.area-a{fill:#dfeaf6}.area-b{fill:#fbe9d3}
.line{fill:none;stroke-width:2.5}.line-a{stroke:#2f6fb5}.line-b{stroke:#d9822b}.line-c{stroke:#3b9158}.ball,.cross{fill:none;stroke:#1b1f24;
stroke-width:2.5}.ball{stroke-dasharray:6 4}
@media(prefers-color-scheme:dark){text{fill:#e6e8eb}.paper{fill:#1d2127}.grid{stroke:#363c45}.a{fill:#6aa5e0}.b{fill:#f0a659}
.c{fill:#69bf85}.area-a{fill:#24384e}.area-b{fill:#4a3720}.line-a{stroke:#6aa5e0}.line-b{stroke:#f0a659}.line-c{stroke:#69bf85}
.ball,.cross{stroke:#e6e8eb}}
</style>"""


def tail(n, k, p):
    """P[Bin(n, p) >= k]."""
    log = lambda j: (math.lgamma(n + 1) - math.lgamma(j + 1) - math.lgamma(n - j + 1)
                     + j * math.log(p) + (n - j) * math.log1p(-p))
    return sum(math.exp(log(j)) for j in range(k, n + 1))


def radius(n, k, sigma):
    """What k of n counted votes prove (Clopper-Pearson at ALPHA), or 0 for an abstention."""
    low, high = 0.5, 1.0 - 1e-12
    if tail(n, k, low) >= ALPHA:
        return 0.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(n, k, middle) < ALPHA else (low, middle)
    return sigma * NORMAL.inv_cdf(low)


def unanimous(n, sigma):
    """What n of n votes prove; nothing below one half."""
    p = ALPHA ** (1 / n)
    return sigma * NORMAL.inv_cdf(p) if p > 0.5 else 0.0


def write(name, width, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
    paper = f'<rect class="paper" width="{width}" height="{height}" rx="8"/>'
    (HERE / name).write_text("\n".join([head, STYLE, paper, *parts, "</svg>", ""]))


def text(x, y, words, anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{words}</text>'


class Plot:
    """Axes within a frame; `log` for a logarithmic x axis."""

    def __init__(self, frame, xs, ys, log=False):
        (self.left, self.top, self.right, self.bottom), self.xs, self.ys, self.log = frame, xs, ys, log

    def x(self, value):
        low, high, value = (math.log(v) if self.log else v for v in (*self.xs, value))
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y(self, value):
        low, high = self.ys
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def axes(self, x_ticks, y_ticks, x_label, y_label, form="{:g}"):
        parts = [f'<path class="grid" d="M{self.left} {self.y(v):.1f}H{self.right}"/>' for v in y_ticks]
        parts += [text(self.left - 8, self.y(v) + 5, form.format(v), "end", ' class="small"') for v in y_ticks]
        parts += [text(self.x(v), self.bottom + 18, f"{v:,g}" if v < 1e4 else f"{v:,.0f}", "middle", ' class="small"')
                  for v in x_ticks]
        parts.append(f'<path class="axis" d="M{self.left} {self.top}V{self.bottom}H{self.right}"/>')
        parts.append(text((self.left + self.right) / 2, self.bottom + 40, x_label, "middle"))
        parts.append(text(self.left - 50, self.top - 14, y_label))
        return parts

    def line(self, points, kind):
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        return f'<polyline class="line line-{kind}" points="{path}"/>'

    def dot(self, x, y, kind):
        return f'<circle class="{kind}" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="4"/>'


def smoothing():
    """A point of the plane, noisy copies of it, what each is classified as, and the radius that the votes prove."""
    sigma, n, scale, centre = 0.25, 200, 190, (245, 185)
    # The other class lies right of a wavy line that has a spike towards the point.
    edge = lambda y: 0.42 + 0.06 * math.sin(9 * y) - 0.36 * math.exp(-((y - 0.13) / 0.035) ** 2)
    place = lambda x, y: (centre[0] + scale * x, centre[1] - scale * y)
    rows = [i / 100 - 0.8 for i in range(161)]
    line = " ".join("{:.1f},{:.1f}".format(*place(edge(y), y)) for y in rows)
    parts = ['<clipPath id="box"><rect x="20" y="40" width="430" height="290"/></clipPath><g clip-path="url(#box)">',
             '<rect class="area-a" x="20" y="40" width="430" height="290"/>',
             f'<polygon class="area-b" points="{line} 480,{place(0, 0.8)[1]:.1f} 480,{place(0, -0.8)[1]:.1f}"/>']
    draw = random.Random(1)
    votes = {"a": 0, "b": 0}
    for _ in range(n):
        x, y = draw.gauss(0, sigma), draw.gauss(0, sigma)
        kind = "b" if x > edge(y) else "a"
        votes[kind] += 1
        parts.append('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="3"/>'.format(kind, *place(x, y)))
    proved = radius(n, votes["a"], sigma)
    parts.append(f'<circle class="ball" cx="{centre[0]}" cy="{centre[1]}" r="{proved * scale:.1f}"/>')
    parts.append('<path class="cross" d="M{0} {1}h16m-8-8v16"/></g>'.format(centre[0] - 8, centre[1]))
    parts.append(text(20, 28, "Noisy copies of one image, each classified"))
    parts.append(text(480, 28, f"Their votes, {n} in all"))
    for row, (kind, name) in enumerate([("a", "blue"), ("b", "orange")]):
        y = 50 + 44 * row
        parts.append(f'<rect class="{kind}" x="480" y="{y}" width="{votes[kind] * 0.8:.1f}" height="22"/>')
        parts.append(text(488 + votes[kind] * 0.8, y + 16, f"{votes[kind]} {name}"))
    notes = ["A single pass is fooled within", "the spike, close to the image.", "The vote is not: within the",
             f"dashed ball, R = {math.floor(proved * 1000) / 1000:.3f}, blue wins", f"with {1 - ALPHA:.1%} confidence."]
    parts += [text(480, 180 + 22 * i, note) for i, note in enumerate(notes)]
    write("smoothing.svg", 720, 350, parts)


def certificate():
    """Votes to radius for n = 1000, sigma 0.25."""
    n, sigma = 1000, 0.25
    plot = Plot((80, 50, 690, 300), (500, 1000), (0, 0.7))
    points = [(k, radius(n, k, sigma)) for k in [*range(500, 1000, 2), *range(996, 1001)]]
    least = next(k for k in range(500, 1000) if radius(n, k, sigma) > 0)
    parts = [f'<rect class="area-b" x="{plot.x(500):.1f}" y="50" width="{plot.x(least) - plot.x(500):.1f}" height="250"/>']
    parts += plot.axes(range(500, 1001, 100), [0, 0.2, 0.4, 0.6], "votes for the class, of 1000", "radius, pixels of [0, 1]")
    parts.append(plot.line(points, "a"))
    parts.append(text(plot.x(least) + 8, 76, f"fewer than {least}: abstained"))
    for k, anchor, dx, dy in [(700, "start", -4, -12), (900, "end", -10, -8), (990, "end", -10, 2), (1000, "end", -10, -2)]:
        parts.append(plot.dot(k, radius(n, k, sigma), "a"))
        value = math.floor(radius(n, k, sigma) * 1000) / 1000
        parts.append(text(plot.x(k) + dx, plot.y(value) + dy, f"{k}: {value:.3f}", anchor))
    write("certificate.svg", 720, 350, parts)


def samples():
    """The largest radius that N unanimous votes prove."""
    plot = Plot((80, 50, 600, 300), (8, 100_000), (0, 2), log=True)
    ns = [math.exp(math.log(8) + i * (math.log(100_000) - math.log(8)) / 200) for i in range(201)]
    parts = plot.axes([10, 100, 1000, 10_000, 100_000], [0, 0.5, 1, 1.5, 2], "samples N, all for one class",
                      "radius at best, pixels of [0, 1]")
    for sigma, kind in [(0.5, "b"), (0.25, "a")]:
        parts.append(plot.line([(n, unanimous(n, sigma)) for n in ns], kind))
        parts.append(text(608, plot.y(unanimous(100_000, sigma)) + 5, f"sigma {sigma:g}"))
        for n in [100, 1000, 10_000]:
            value = unanimous(n, sigma)
            parts.append(plot.dot(n, value, kind))
            parts.append(text(plot.x(n) - 6, plot.y(value) - 10, f"{math.floor(value * 100) / 100:.2f}", "end"))
    write("samples.svg", 720, 350, parts)


def sigma():
    """Certified accuracy of the shipped CIFAR-10 models, from their cards."""
    plot = Plot((80, 50, 500, 300), (0, 1), (0, 0.8))
    parts = plot.axes([0, 0.25, 0.5, 0.75, 1], [0, 0.2, 0.4, 0.6, 0.8], "radius, pixels of [0, 1]", "certified accuracy", "{:.0%}")
    models = [("cifar10-resnet20-s025", "a", "sigma 0.25"), ("cifar10-resnet20-s050", "b", "sigma 0.5"),
              ("cifar10-resnet20-consistency-s050", "c", "sigma 0.5, consistency")]
    for row, (name, kind, label) in enumerate(models):
        certified = json.loads((MODELS / f"{name}.json").read_text())["compiled"]["certified"]
        points = [(float(r), share) for r, share in certified["certified_accuracy"].items()]
        limit = unanimous(certified["n"], float(name[-3:]) / 100)
        # Beyond what unanimous votes prove there is nothing.
        beyond = [(r, 0.0) for r in (0.75, 1.0) if r > limit]
        parts.append(plot.line(points, kind))
        parts += [plot.dot(r, share, kind) for r, share in points + beyond]
        parts.append(f'<rect class="{kind}" x="520" y="{60 + 30 * row}" width="14" height="14"/>')
        parts.append(text(542, 72 + 30 * row, label))
    write("sigma.svg", 720, 350, parts)


if __name__ == "__main__":
    smoothing()
    certificate()
    samples()
    sigma()
