// Plots as SVG: line plots and bars over one frame, with values under the pointer and series that can be switched off.

const NS = "http://www.w3.org/2000/svg";
const FRAME = { width: 640, height: 380, left: 62, right: 26, top: 12, bottom: 52 };

function make(tag, attributes, parent) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (parent) parent.append(node);
  return node;
}

function element(tag, parent, text, attributes = {}) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (parent) parent.append(node);
  return node;
}

const ink = (index) => `var(--s${index % 8})`;

function format(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1);
  return size >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

// A scale: where a value lies on the frame, and its ticks. `kind` is linear, log2 or log10.
function scale(kind, values, [from, to], fixed) {
  let [low, high] = fixed || [Math.min(...values), Math.max(...values)];
  if (kind === "linear") {
    if (!fixed) low = Math.min(0, low);
    if (high <= low) high = low + 1;
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough);
    if (!fixed) high = Math.ceil(high / step - 1e-9) * step;
    const ticks = [];
    for (let i = Math.ceil(low / step); i * step <= high + step * 1e-6; i++) ticks.push(i * step);
    return { at: (v) => from + ((v - low) / (high - low)) * (to - from), ticks };
  }
  const base = kind === "log2" ? 2 : 10;
  const log = (v) => Math.log(v) / Math.log(base);
  low = Math.floor(log(low) + 1e-9);
  high = Math.max(Math.ceil(log(high) - 1e-9), low + 1);
  const every = Math.ceil((high - low) / 8);
  const ticks = [];
  for (let e = low; e <= high; e += every) ticks.push(base ** e);
  return { at: (v) => from + ((log(v) - low) / (high - low)) * (to - from), ticks };
}

function frame(svg, plot, x, y) {
  const { width, height, left, right, top, bottom } = FRAME;
  for (const tick of y.ticks) {
    make("path", { class: "grid", d: `M${left} ${y.at(tick)}H${width - right}` }, svg);
    const text = make("text", { x: left - 7, y: y.at(tick) + 4, "text-anchor": "end", "font-size": 13 }, svg);
    text.textContent = format(tick);
  }
  for (const tick of x.ticks) {
    make("path", { class: "grid", d: `M${x.at(tick)} ${top}V${height - bottom}` }, svg);
    const text = make("text", { x: x.at(tick), y: height - bottom + 18, "text-anchor": "middle", "font-size": 13 }, svg);
    text.textContent = format(tick);
  }
  make("path", { class: "axis", fill: "none", d: `M${left} ${top}V${height - bottom}H${width - right}` }, svg);
  const middle = { "text-anchor": "middle", "font-size": 14 };
  make("text", { ...middle, x: (left + width - right) / 2, y: height - 12 }, svg).textContent = plot.x;
  make("text", { ...middle, transform: `translate(15 ${(top + height - bottom) / 2}) rotate(-90)` }, svg).textContent = plot.y;
}

// Line, band of the interval and marks of one series: points are {x, y, low, high, tip, ring}.
function drawSeries(svg, series, x, y, show) {
  const group = make("g", { "data-series": series.name, color: ink(series.ink) }, svg);
  const points = series.points;
  const place = (p, value) => `${x.at(p.x).toFixed(1)} ${y.at(value).toFixed(1)}`;
  if (points.every((p) => p.low !== undefined) && points.length > 1) {
    const upper = points.map((p) => place(p, p.high)).join("L");
    const lower = points.slice().reverse().map((p) => place(p, p.low)).join("L");
    make("path", { d: `M${upper}L${lower}Z`, fill: "currentColor", opacity: 0.12 }, group);
  }
  const join = series.steps
    ? points.map((p, i) => (i === 0 ? `M${place(p, p.y)}` : `H${x.at(p.x).toFixed(1)}V${y.at(p.y).toFixed(1)}`)).join("")
    : "M" + points.map((p) => place(p, p.y)).join("L");
  if (!series.bare) {
    const dashes = series.dashed ? { "stroke-dasharray": "6 4" } : {};
    make("path", { class: "line", d: join, fill: "none", stroke: "currentColor", "stroke-width": 2, ...dashes }, group);
  }
  for (const p of points) {
    const spot = { cx: x.at(p.x), cy: y.at(p.y) };
    if (!series.steps) make("circle", { class: "mark", ...spot, r: 3.5, fill: "currentColor" }, group);
    if (p.ring) make("circle", { ...spot, r: 8, fill: "none", stroke: "currentColor", "stroke-width": 2 }, group);
    show.push({ ...spot, text: `${series.name}\n${p.tip}`, series });
  }
}

// The value nearest to the pointer, or to the finger.
function pointer(box, svg, spots) {
  const tip = element("div", box, "", { class: "tip", hidden: "" });
  const ring = make("circle", { r: 6, fill: "none", class: "axis", "stroke-width": 2, visibility: "hidden" }, svg);
  const leave = () => { tip.hidden = true; ring.setAttribute("visibility", "hidden"); };
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("pointermove", (event) => {
    const area = svg.getBoundingClientRect();
    const factor = FRAME.width / area.width;
    const [px, py] = [(event.clientX - area.left) * factor, (event.clientY - area.top) * factor];
    const far = (s) => (s.cx - px) ** 2 + (s.cy - py) ** 2;
    const near = spots.reduce((best, s) => (!best || far(s) < far(best) ? s : best), null);
    if (!near || far(near) > 3600) return leave();
    ring.setAttribute("cx", near.cx);
    ring.setAttribute("cy", near.cy);
    ring.setAttribute("visibility", "visible");
    tip.hidden = false;
    tip.textContent = near.text;
    const x = near.cx / factor;
    tip.style.left = `${Math.max(0, Math.min(x + 10, area.width - tip.offsetWidth))}px`;
    tip.style.top = `${Math.max(0, near.cy / factor - tip.offsetHeight - 8)}px`;
  });
}

// Draws `plot` = {id, title, x, y, xKind, yKind, yFixed, series} into `box`; a legend switches series off.
function linePlot(box, plot) {
  const off = new Set();
  const canvas = element("div", box, undefined, { class: "plot" });
  const legend = element("div", box, undefined, { class: "legend" });
  const draw = () => {
    canvas.replaceChildren();
    const { width, height, left, right, top, bottom } = FRAME;
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": plot.title, id: plot.id }, canvas);
    const shown = plot.series.filter((s) => !off.has(s.name) && s.points.length > 0);
    const all = (shown.length ? shown : plot.series).flatMap((s) => s.points);
    if (all.length === 0) return;
    const x = scale(plot.xKind, all.map((p) => p.x), [left, width - right]);
    const y = scale(plot.yKind, all.map((p) => p.y), [height - bottom, top], plot.yFixed);
    frame(svg, plot, x, y);
    const spots = [];
    for (const series of shown) drawSeries(svg, series, x, y, spots);
    pointer(canvas, svg, spots);
  };
  for (const series of plot.series) {
    const button = element("button", legend, undefined, { type: "button", "aria-pressed": "true" });
    element("i", button).style.background = ink(series.ink);
    button.append(series.name);
    button.addEventListener("click", () => {
      if (!off.delete(series.name)) off.add(series.name);
      button.setAttribute("aria-pressed", String(!off.has(series.name)));
      draw();
    });
  }
  draw();
}

// Horizontal bars: {name, value, text}.
function barPlot(box, plot) {
  const canvas = element("div", box, undefined, { class: "plot" });
  const row = 24;
  const height = plot.bars.length * row + 46;
  const svg = make("svg", { viewBox: `0 0 ${FRAME.width} ${height}`, role: "img", "aria-label": plot.title, id: plot.id }, canvas);
  const left = 190;
  const x = scale("linear", plot.bars.map((b) => b.value), [left, FRAME.width - 70]);
  for (const tick of x.ticks) {
    make("path", { class: "grid", d: `M${x.at(tick)} 4V${height - 40}` }, svg);
    make("text", { x: x.at(tick), y: height - 24, "text-anchor": "middle", "font-size": 13 }, svg).textContent = format(tick);
  }
  make("text", { x: (left + FRAME.width - 70) / 2, y: height - 6, "text-anchor": "middle", "font-size": 14 }, svg).textContent = plot.x;
  plot.bars.forEach((bar, i) => {
    const y = 6 + i * row;
    const name = bar.name.length > 24 ? `…${bar.name.slice(-23)}` : bar.name;
    make("text", { x: left - 7, y: y + 13, "text-anchor": "end", "font-size": 13 }, svg).textContent = name;
    const rect = make("rect", { class: "mark", x: left, y, width: Math.max(0.5, x.at(bar.value) - left), height: row - 7, fill: ink(bar.ink) }, svg);
    make("title", {}, rect).textContent = `${bar.name}: ${bar.text}`;
    make("text", { x: x.at(bar.value) + 6, y: y + 13, "font-size": 12 }, svg).textContent = bar.text;
  });
}
