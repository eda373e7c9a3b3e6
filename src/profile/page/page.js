// What is drawn from the document.

const profile = JSON.parse(document.getElementById("data").textContent);
const { points, timings } = profile;
// L-infinity radii are small, and shown in steps of an 8-bit pixel.
const [unit, perPixel] = profile.norm === "LInf" ? ["L-infinity radius (1/255)", 255] : ["L2 radius (pixels of [0, 1])", 1];
const shown = (radius) => Number((radius * perPixel).toFixed(4));

function subject() {
  const text = [`${profile.model}, sigma ${profile.sigma}, alpha ${profile.alpha}`, `${profile.data} (${profile.split}), ${profile.images} images`];
  if (profile.attacked) text.push(`attacked: ${profile.attacked}, ${profile.attacked_images} images`);
  text.push(`without noise ${percent(profile.plain.clean.share)} % right`);
  document.getElementById("subject").textContent = text.join(" · ");
  document.getElementById("claim").textContent = profile.certificate
    ? `Bands are 95 % intervals over images. Each certificate of each N holds with probability at least 1 - ${profile.alpha}; those of several N come from the same samples and are not independent. ringfence ${profile.version}.`
    : `Bands are 95 % intervals over images. Seeds derive from a given one: a replay or test, not a set of certificates. ringfence ${profile.version}.`;
}

function accuracy() {
  const { plot, side } = section("accuracy", "Accuracy by number of samples", "Right answers of each vote. One pass without noise is the dashed line.");
  const series = [];
  const head = ["N"];
  for (const [v, first] of points[0].votes.entries()) {
    for (const set of ["clean", "attacked"].filter((set) => first[set])) {
      const name = set === "clean" ? first.vote : `${first.vote}, attacked`;
      head.push(`${name} %`);
      series.push({ name, ink: series.length, points: points.map((p) => sharePoint(p.n, p.votes[v][set])) });
    }
  }
  for (const set of ["clean", "attacked"].filter((set) => profile.plain[set])) {
    const y = 100 * profile.plain[set].share;
    const level = points.map((p) => ({ x: p.n, y, tip: `${percent(y / 100)} % right` }));
    series.push({ name: set === "clean" ? "no noise" : "no noise, attacked", ink: series.length, dashed: true, points: level });
  }
  linePlot(plot, { id: "plot-accuracy", title: "Accuracy by N", x: "samples N", y: "accuracy (%)", xKind: "log2", yKind: "linear", yFixed: [0, 100], series });
  table(side, head, points.map((p) => [p.n, ...p.votes.flatMap((v) => [v.clean, v.attacked].filter(Boolean).map((s) => percent(s.share)))]));
}

function certified() {
  const { plot, side } = section("certified", "Certified accuracy by number of samples", `Images certified in their true class at this ${unit} or more.`);
  const radii = points[0].certified.map((c) => c.radius);
  const series = radii.map((radius, i) => ({ name: `R = ${shown(radius)}`, ink: i, points: points.map((p) => sharePoint(p.n, p.certified[i].accuracy)) }));
  linePlot(plot, { id: "plot-certified", title: "Certified accuracy by N", x: "samples N", y: "certified accuracy (%)", xKind: "log2", yKind: "linear", yFixed: [0, 100], series });
  const reach = (p) => (p.reach === null ? "-" : (p.reach * perPixel).toFixed(3));
  const rows = points.map((p) => [p.n, ...p.certified.map((c) => percent(c.accuracy.share)), p.abstained, p.wrong, (p.average_radius * perPixel).toFixed(3), reach(p)]);
  table(side, ["N", ...radii.map((r) => `R ${shown(r)} %`), "abstained", "wrong", "average R", "R at best"], rows);
}

function byRadius() {
  const { plot, side } = section("radius", "Certified accuracy by radius", "One step line for each N; it ends at the largest radius that N unanimous samples can prove.");
  const proving = points.filter((p) => p.reach !== null);
  const series = proving.map((p, i) => {
    const steps = [{ x: 0, y: p.curve.length ? 100 * p.curve[0][1] : 0 }];
    p.curve.forEach(([radius], j) => steps.push({ x: radius * perPixel, y: j + 1 < p.curve.length ? 100 * p.curve[j + 1][1] : 0 }));
    const at = (s) => ({ ...s, tip: `beyond radius ${s.x.toFixed(3)}: ${s.y.toFixed(1)} %` });
    return { name: `N = ${p.n}`, ink: i, steps: true, points: steps.map(at) };
  });
  linePlot(plot, { id: "plot-radius", title: "Certified accuracy by radius", x: unit, y: "certified accuracy (%)", xKind: "linear", yKind: "linear", yFixed: [0, 100], series });
  const least = (p) => [p.n, p.least_count ?? "never", p.reach === null ? "-" : (p.reach * perPixel).toFixed(4)];
  table(side, ["N", "least count", "radius at best"], points.map(least));
}

function latency() {
  if (timings.length === 0) return;
  const { plot, side } = section("latency", "Time by number of samples", "Median wall time until the votes of the first N samples are there; the band reaches to the 95th percentile.");
  const series = timings.map((timing, i) => ({
    name: timing.name, ink: i, dashed: timing.predicted,
    points: timing.points.map((p) => ({ x: p.n, y: 1e3 * p.median_s, ...(p.p95_s === null ? {} : { low: 1e3 * p.median_s, high: 1e3 * p.p95_s }), tip: `N = ${p.n}: ${milliseconds(p.median_s)} ms` })),
  }));
  linePlot(plot, { id: "plot-latency", title: "Time by N", x: "samples N", y: "time (ms)", xKind: "log2", yKind: "log10", series });
  const rows = timings.flatMap((t) => t.points.map((p) => [t.name, p.n, milliseconds(p.median_s), milliseconds(p.p95_s), milliseconds(p.p99_s), format(p.us_per_sample)]));
  table(side, ["", "N", "median ms", "p95", "p99", "us a sample"], rows);
}

function pareto() {
  if (timings.length === 0) return;
  const { controls, plot, side } = section("pareto", "Which N?", "Ringed: no other N is quicker and better. The recommended N is the best one within the time, bold in the table.");
  const measures = [
    ...points[0].certified.map((c, i) => ({ name: `certified accuracy at R = ${shown(c.radius)} (%)`, of: (p) => 100 * p.certified[i].accuracy.share })),
    { name: `average certified ${unit}`, of: (p) => p.average_radius * perPixel },
  ];
  const wish = profile.advice.length ? profile.advice[0] : { quality: "average_radius", budget_ms: null };
  const wanted = points[0].certified.findIndex((c) => c.radius === wish.quality.certified_accuracy_at);
  let measure = wanted >= 0 ? wanted : measures.length - 1;
  let way = 0;
  let budget = wish.budget_ms;
  const draw = () => {
    plot.replaceChildren();
    const timing = timings[way];
    const of = measures[measure].of;
    const all = timing.points.map((t) => ({ n: t.n, x: 1e3 * t.median_s, y: of(points.find((p) => p.n === t.n)) }));
    let best = 0;
    for (const p of all.slice().sort((a, b) => a.x - b.x)) { p.ring = p.y > best; best = Math.max(best, p.y); }
    const fitting = all.filter((p) => p.ring && (budget === null || p.x <= budget));
    const chosen = fitting.length ? fitting.reduce((a, b) => (b.y > a.y ? b : a)) : null;
    const mark = (p) => ({ ...p, tip: `N = ${p.n}: ${format(p.x)} ms, ${format(p.y)}${p === chosen ? "\nrecommended" : ""}` });
    linePlot(plot, { id: "plot-pareto", title: "Pareto front", x: "time (ms)", y: measures[measure].name, xKind: "log10", yKind: "linear", series: [{ name: timing.name, ink: way, points: all.map(mark) }] });
    const text = chosen ? `Recommended: N = ${chosen.n}, ${format(chosen.x)} ms` : "No N fits into this time and proves anything.";
    element("p", plot, text, { id: "recommended" });
    table(side, ["N", "time ms", measures[measure].name.split(" (")[0], "front"], all.map((p) => [p.n, format(p.x), format(p.y), p.ring ? "yes" : ""]), (i) => all[i] === chosen);
  };
  choice(controls, "Better is more", measures.map((m) => m.name), (i) => { measure = i; draw(); }).value = measure;
  if (timings.length > 1) choice(controls, "on", timings.map((t) => t.name), (i) => { way = i; draw(); });
  const input = element("input", element("label", controls, "within ms "), undefined, { type: "number", min: 0, step: "any", value: budget ?? "" });
  input.addEventListener("input", () => { budget = input.value === "" ? null : Number(input.value); draw(); });
  draw();
}

function anytime() {
  if (!points[0].anytime) return;
  const { plot, side } = section("anytime", `Radius ${shown(profile.target_radius)}${perPixel === 1 ? "" : "/255"} with as few samples as it takes`, "Mean samples an image, if N is the most that may be drawn. Dashed: N itself.");
  const series = [
    { name: "mean samples", ink: 0, points: points.map((p) => ({ x: p.n, y: p.anytime.mean_samples, tip: `at most ${p.n}: ${p.anytime.mean_samples.toFixed(1)} samples` })) },
    { name: "N samples", ink: 1, dashed: true, points: points.map((p) => ({ x: p.n, y: p.n, tip: `${p.n} samples` })) },
  ];
  linePlot(plot, { id: "plot-anytime", title: "Mean samples by N", x: "most samples N", y: "samples an image", xKind: "log2", yKind: "linear", series });
  table(side, ["N", "mean samples", "certified", "refuted", "abstained"], points.map((p) => [p.n, p.anytime.mean_samples.toFixed(1), p.anytime.certified, p.anytime.refuted, p.anytime.abstained]));
}

function layers() {
  if (profile.layers.length === 0) return;
  const { plot, side } = section("layers", "Time of a sample by operation", "One thread, many samples side by side, first instruction set.");
  const bars = profile.layers.map((l) => ({ name: l.name, value: l.us, ink: l.kind === "noise" ? 1 : 0, text: `${percent(l.share)} %` }));
  barPlot(plot, { id: "plot-layers", title: "Time by operation", x: "microseconds a sample", bars });
  table(side, ["operation", "kind", "us", "%", "MACs"], profile.layers.map((l) => [l.name, l.kind, format(l.us), percent(l.share), l.macs || "-"]));
}

subject();
for (const draw of [accuracy, certified, byRadius, latency, pareto, anytime, layers]) draw();
