// Sections with a plot and a table beside it.

const percent = (share) => (100 * share).toFixed(1);
const milliseconds = (seconds) => (seconds === null ? "-" : format(1e3 * seconds));

function section(id, title, note) {
  const box = element("section", document.getElementById("plots"), undefined, { id });
  element("h2", box, title);
  if (note) element("p", box, note, { class: "note" });
  const controls = element("div", box);
  const pair = element("div", box, undefined, { class: "pair" });
  const plot = element("div", pair);
  const side = element("div", pair, undefined, { class: "wide" });
  return { controls, plot, side };
}

// A table of a head and rows of cells; `chosen` says which rows stand out.
function table(box, head, rows, chosen = () => false) {
  box.replaceChildren();
  const node = element("table", box);
  const top = element("tr", element("thead", node));
  for (const cell of head) element("th", top, cell, { scope: "col" });
  const body = element("tbody", node);
  rows.forEach((cells, index) => {
    const line = element("tr", body, undefined, chosen(index) ? { class: "chosen" } : {});
    for (const cell of cells) element("td", line, cell);
  });
}

function choice(box, label, options, change) {
  const select = element("select", element("label", box, `${label} `));
  options.forEach((option, index) => element("option", select, option, { value: index }));
  select.addEventListener("change", () => change(Number(select.value)));
  return select;
}

// A point of a share with its 95 % interval, in percent.
function sharePoint(n, share) {
  const [low, high] = share.interval_95;
  const range = `${percent(share.share)} % (${percent(low)} to ${percent(high)} %)`;
  return { x: n, y: 100 * share.share, low: 100 * low, high: 100 * high, tip: `N = ${n}: ${range}\n${share.count} of ${share.images} images` };
}
