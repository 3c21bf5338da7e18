"use strict";
// Paints the pictures of the data (picture.py says what they hold) with plotly.js, and keeps what is
// chosen in the address after #, so that a view can be kept as a link:
//   #topology.kind=ring|tree&log=distribution.0.x

const data = JSON.parse(document.getElementById("data").textContent);
const DASHES = ["solid", "10px,4px", "2px,3px", "10px,4px,2px,4px", "18px,5px", "18px,5px,3px,5px,3px,5px",
  "2px,9px", "8px,3px,8px,10px"];
const MARKERS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star"];
const HATCHES = ["", "/", ".", "x", "\\", "+", "-", "|", "\\"];
const MOST_ROWS = 30, MOST_MARKS = 300, ROW = 26, HEIGHT = 340;
const LETTERS = 32;  // of a title beside rows; longer ones are broken

// ---- What is chosen -------------------------------------------------------------------------

const state = { axes: data.axes.map((axis) => new Set(axis.labels)), log: new Map() };

function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  data.axes.forEach((axis, i) => {
    const values = (asked.get(axis.name) || "").split("|").filter((v) => axis.labels.includes(v));
    state.axes[i] = new Set(values.length ? values : axis.labels);
  });
  state.log.clear();
  for (const text of (asked.get("log") || "").split(",").filter(Boolean)) {
    const off = text.startsWith("-");
    state.log.set(off ? text.slice(1) : text, !off);
  }
}

function writeAddress() {
  const asked = new URLSearchParams();
  data.axes.forEach((axis, i) => {
    if (state.axes[i].size < axis.labels.length) asked.set(axis.name, [...state.axes[i]].join("|"));
  });
  const log = [...state.log].map(([name, on]) => (on ? "" : "-") + name);
  if (log.length) asked.set("log", log.join(","));
  history.replaceState(null, "", "#" + asked.toString());
}

const isChosen = (number) =>
  data.points[number].index.every((value, i) => state.axes[i].has(data.axes[i].labels[value]));

/** Numbers of the chosen design points that a picture shows: at most `most`, evenly in rank. */
function shownPoints(picture) {
  const ranked = data.ranking.filter(isChosen).filter((n) => !picture.points || picture.points.includes(n));
  const rows = picture.panels.some((panel) => panel.y.by_point);
  const most = picture.most_points || (rows ? MOST_ROWS : 0);
  if (!most || ranked.length <= most) return { numbers: new Set(ranked), all: true };
  const even = Array.from({ length: most }, (_, i) => ranked[Math.round((i * (ranked.length - 1)) / (most - 1))]);
  return { numbers: new Set(even), all: false };
}

/** Look of a series where the design points `rows` are shown: as picture.py says. */
function lookIn(series, rows) {
  if (!["line", "step", "drop"].includes(series.kind) || !rows.has(series.points)) return series.look;
  const place = rows.get(series.points) % data.lines;
  return { colour: series.look.colour, dash: place, marker: place };
}

// ---- From a picture's series to plotly's traces ---------------------------------------------

/** Vertices of a series whose design point is shown; rows move close together. */
function kept(series, panel, rows) {
  const owner = (i) => (Array.isArray(series.points) ? series.points[i] : series.points);
  const of = (column, i) => (column ? column[i] : null);
  const found = [];
  series.x.forEach((x, i) => {
    const point = owner(i);
    if (point !== null && !rows.has(point)) return;
    const shift = panel.y.by_point ? rows.get(point) - point : 0;
    found.push({ x, y: series.y[i] === null ? null : series.y[i] + shift, low: of(series.low, i),
      high: of(series.high, i), base: of(series.base, i), text: of(series.texts, i) });
  });
  return found;
}

const digits = (v) => (typeof v === "number" ? Number(v.toPrecision(4)).toString() : v);

function hover(series, vertex, panel) {
  const value = series.across ? vertex.x : vertex.y;
  const ends = vertex.high === "inf" ? ` (not bounded${vertex.low === "-inf" ? "" : " above"})`
    : typeof vertex.low === "number" && typeof vertex.high === "number"
      ? ` (${digits(vertex.low)} to ${digits(vertex.high)})` : "";
  const said = vertex.text || `${digits(value)}${ends}`;
  const along = series.across || panel.x.ticks || vertex.text ? "" : `<br>${panel.x.label}: ${digits(vertex.x)}`;
  return `<b>${series.label}</b><br>${said}${along}`;
}

function traces(series, panel, rows, bands) {
  const vertices = kept(series, panel, rows);
  if (!vertices.length) return [];
  const look = lookIn(series, rows), colour = data.colours[look.colour];
  const column = (name) => vertices.map((v) => v[name]);
  const common = { x: column("x"), y: column("y"), name: series.label, showlegend: false,
    hovertemplate: "%{text}<extra></extra>", text: vertices.map((v) => hover(series, v, panel)) };
  if (series.kind === "bar")
    return [{ ...common, type: "bar", orientation: "h", base: column("base"), width: 0.75,
      textposition: "none",
      marker: { color: colour, line: { color: "#fff", width: 0.5 },
        pattern: { shape: HATCHES[look.colour], fgcolor: "#fff", bgcolor: colour, size: 6, solidity: 0.25 } } }];
  if (series.kind === "fill")
    return [{ ...common, type: "scatter", mode: "lines", fill: "toself", hoverinfo: "skip",
      hovertemplate: null, fillcolor: faded(colour, 0.45), line: { color: colour, width: 1 } }];
  if (series.kind === "marks") return [marks(series, vertices, common, colour)];
  const shape = { step: "hv", drop: "vh" }[series.kind] || "linear";
  const line = { ...common, type: "scatter", line: { color: colour, width: 1.8, shape,
    dash: DASHES[look.dash] }, mode: shape !== "linear" || series.plain ? "lines" : "lines+markers",
    marker: { symbol: MARKERS[look.marker], size: 7, color: colour } };
  const band = JSON.stringify([common.x, column("low"), column("high")]);
  if (!series.low || bands.has(band)) return [line];  // equal bands do not add up
  bands.add(band);
  const edge = (name) => ({ x: common.x, y: column(name).map((v) => (typeof v === "number" ? v : null)),
    type: "scatter", mode: "lines", line: { width: 0, shape }, hoverinfo: "skip", showlegend: false });
  return [edge("low"), { ...edge("high"), fill: "tonexty", fillcolor: faded(colour, 0.18) }, line];
}

function marks(series, vertices, common, colour) {
  const open = vertices.some((v) => v.high === "inf" && v.low !== "-inf");
  const symbol = vertices.length > MOST_MARKS ? "line-ns-open" : open ? (series.across ? "triangle-right-open" : "triangle-up-open") : MARKERS[series.look.marker];
  const trace = { ...common, type: "scatter", mode: "markers",
    marker: { symbol, size: open ? 10 : 8, color: colour, line: { width: open ? 2 : 0, color: colour } } };
  const value = (v) => (series.across ? v.x : v.y);
  const length = (end) => vertices.map((v) => (typeof v[end] === "number" ? Math.abs(v[end] - value(v)) : 0));
  if (series.low)
    trace[series.across ? "error_x" : "error_y"] = { type: "data", symmetric: false,
      array: length("high"), arrayminus: length("low"), color: colour, thickness: 1.3, width: 3 };
  return trace;
}

function faded(colour, opacity) {
  const part = (i) => parseInt(colour.slice(i, i + 2), 16);
  return `rgba(${part(1)},${part(3)},${part(5)},${opacity})`;
}

// ---- Panels ---------------------------------------------------------------------------------

const scaleName = (picture, number, letter) => `${picture.name}.${number}.${letter}`;

function isLog(picture, number, letter, scale) {
  const name = scaleName(picture, number, letter);
  return state.log.has(name) ? state.log.get(name) : scale.log;
}

/** Ends of what the panels with this quantity along `letter` show, so that all begin and end alike. */
function endsOf(picture, number, letter, rows) {
  const { label } = picture.panels[number][letter], log = isLog(picture, number, letter, picture.panels[number][letter]);
  const values = [];
  picture.panels.forEach((panel, i) => {
    if (panel[letter].label !== label || isLog(picture, i, letter, panel[letter]) !== log) return;
    for (const series of panel.series)
      for (const v of kept(series, panel, rows)) {
        values.push(v[letter]);
        if (series.across === (letter === "x")) values.push(v.low, v.high);
      }
  });
  const numbers = values.filter((v) => typeof v === "number" && (!log || v > 0)).map((v) => (log ? Math.log10(v) : v));
  if (!numbers.length) return undefined;
  const low = numbers.reduce((a, b) => Math.min(a, b)), high = numbers.reduce((a, b) => Math.max(a, b));
  const room = 0.05 * (high - low) || (log ? 0.1 : 0.05 * Math.abs(high) || 1);
  return [low - room, high + room];
}

/** 1, 2 and 5 of each decade between the ends, which are logarithms. */
function decades([low, high]) {
  const found = [];
  for (let e = Math.floor(low); e <= high; ++e)
    for (const m of high - low < 3 ? [1, 2, 5] : [1]) {
      const value = Number((m * 10 ** e).toPrecision(2));
      if (Math.log10(value) >= low && Math.log10(value) <= high) found.push(value);
    }
  return found;
}

function axisOf(scale, log, rows, ends) {
  const axis = { title: { text: scale.label, standoff: 8 }, automargin: true, type: log ? "log" : "linear",
    gridcolor: "#e6e9ed", zeroline: false, showline: true, linecolor: "#59636e", ticks: "outside", ticklen: 4,
    exponentformat: "none", nticks: log ? 5 : 7, range: ends };
  if (scale.ticks) {
    const ticks = scale.by_point ? scale.ticks.filter(([at]) => rows.has(at)) : scale.ticks;
    axis.tickvals = ticks.map(([at]) => (scale.by_point ? rows.get(at) : at));
    axis.ticktext = ticks.map(([, text]) => text);
  } else if (log && ends && decades(ends).length > 1) {
    axis.tickvals = decades(ends);
    axis.ticktext = axis.tickvals.map(String);
  }
  if (scale.limits && !log) axis.range = scale.limits;
  if (scale.by_point) {
    axis.range = [rows.size - 0.4, -0.6];
    if (scale.label.length > LETTERS) axis.title.text = scale.label.replaceAll(", ", ",<br>");
  }
  return axis;
}

function paintPanel(element, picture, number, rows, wide) {
  const panel = picture.panels[number];
  const bands = new Set(), all = panel.series.flatMap((series) => traces(series, panel, rows, bands));
  const height = panel.y.by_point ? Math.max(HEIGHT, 90 + ROW * rows.size) : HEIGHT;
  const [x, y] = ["x", "y"].map((letter) => axisOf(panel[letter],
    isLog(picture, number, letter, panel[letter]), rows, endsOf(picture, number, letter, rows)));
  const layout = { height, margin: { l: 60, r: 12, t: 12, b: 50 }, barmode: "overlay",
    hovermode: "closest", hoverlabel: { align: "left" }, font: { size: 12, color: "#1b1f24" },
    paper_bgcolor: "#fff", plot_bgcolor: "#fff", xaxis: x, yaxis: y };
  const left = number % wide ? picture.panels[number - 1] : null;
  if (left && left.y.by_point && panel.y.by_point) Object.assign(y, { showticklabels: false, title: {} });
  return Plotly.react(element, all, layout, { responsive: true, displaylogo: false, displayModeBar: "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    toImageButtonOptions: { format: "svg", filename: picture.name } });
}

/** Keys of the panels' series that are shown, once each, as they look. */
function keysOf(panels, rows) {
  const found = new Map();
  for (const panel of panels)
    for (const series of panel.series) {
      const owners = Array.isArray(series.points) ? series.points : [series.points];
      if (series.legend && series.label && !found.has(series.label)
          && owners.some((owner) => owner === null || rows.has(owner))) found.set(series.label, series);
    }
  return found;
}

function keyElement(label, series, look) {
  const colour = data.colours[look.colour];
  const dash = DASHES[look.dash];
  const marker = { circle: "M13,5a3.6,3.6 0 1,0 7.2,0a3.6,3.6 0 1,0 -7.2,0", square: "M13.5,1.5h7v7h-7z",
    "triangle-up": "M17,1l4,7.5h-8z", diamond: "M17,.5l4.5,4.5l-4.5,4.5l-4.5,-4.5z",
    "triangle-down": "M17,9l4,-7.5h-8z", cross: "M15.5,1h3v2.5h2.5v3h-2.5v2.5h-3v-2.5h-2.5v-3h2.5z", x: "M14,1l3,3l3,-3l1,1l-3,3l3,3l-1,1l-3,-3l-3,3l-1,-1l3,-3l-3,-3z",
    star: "M17,0l1.4,3.4l3.6,.2l-2.8,2.3l1,3.6l-3.2,-2l-3.2,2l1,-3.6l-2.8,-2.3l3.6,-.2z" };
  const line = `<line x1="0" y1="5" x2="34" y2="5" stroke="${colour}" stroke-width="2"
    stroke-dasharray="${dash === "solid" ? "" : dash.replaceAll("px", "")}"/>`;
  const mark = `<path d="${marker[MARKERS[look.marker]]}" fill="${colour}"/>`;
  const box = `<rect width="34" height="10" fill="${colour}"/><text x="2" y="9" font-size="10" fill="#fff"
    letter-spacing="3">${HATCHES[look.colour].repeat(4)}</text>`;
  const drawing = { bar: box, fill: box, step: line, drop: line, marks: mark, line: series.plain ? line : line + mark };
  const element = document.createElement("span");
  element.innerHTML = `<svg width="34" height="10">${drawing[series.kind]}</svg>`;
  element.append(label);
  return element;
}

function paintKeys(element, keys, rows, subject) {
  const shown = keys.size > 1 ? [...keys].map(([label, s]) => keyElement(label, s, lookIn(s, rows))) : [];
  element.replaceChildren(...(shown.length && subject ? [`${subject}:`] : []), ...shown);
}

// ---- Figures --------------------------------------------------------------------------------

/** Width of a panel's column: more where long names stand beside it. */
function panelShare(panel, number, panels) {
  const named = panel.y.by_point && !(number && panels[number - 1].y.by_point);
  const longest = named ? Math.max(...panel.y.ticks.map(([, text]) => text.length)) : 0;
  return `minmax(0, ${1 + longest / 45}fr)`;
}

function addFigure(picture) {
  const figure = document.createElement("figure");
  figure.id = picture.name;
  const columns = picture.panels.slice(0, picture.columns).map(panelShare);
  figure.innerHTML = `<div class="switches"></div><h2></h2><p class="caption"></p><div class="keys"></div>
    <div class="panels" style="grid-template-columns: ${columns.join(" ")}"></div>`;
  figure.querySelector("h2").textContent = picture.title;
  picture.panels.forEach((panel) => {
    const box = document.createElement("div");
    box.className = "panel";
    box.innerHTML = '<h3></h3><div class="plot"></div><div class="keys"></div>';
    box.firstChild.textContent = panel.title;
    figure.querySelector(".panels").append(box);
  });
  addSwitches(figure.querySelector(".switches"), picture);
  document.getElementById("figures").append(figure);
}

/** A switch for each direction of a picture whose panels have numbers along it. */
function addSwitches(element, picture) {
  for (const letter of ["x", "y"]) {
    const numbers = picture.panels.map((panel, i) => (panel[letter].ticks || panel[letter].limits ? -1 : i))
      .filter((i) => i >= 0);
    if (!numbers.length) continue;
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.name = `${picture.name}.log.${letter}`;
    box.checked = numbers.every((i) => isLog(picture, i, letter, picture.panels[i][letter]));
    box.addEventListener("change", () => {
      for (const i of numbers) state.log.set(scaleName(picture, i, letter), box.checked);
      writeAddress();
      paint(picture);
    });
    label.append(box, ` log ${letter}`);
    element.append(label);
  }
}

function paint(picture) {
  const figure = document.getElementById(picture.name);
  const shown = shownPoints(picture);
  const rows = new Map([...shown.numbers].sort((a, b) => a - b).map((number, row) => [number, row]));
  const caption = shown.all ? "" : ` ${shown.numbers.size} of the design points chosen, from best to worst.`;
  figure.querySelector(".caption").textContent = picture.caption + caption;
  const each = picture.panels.map((panel) => keysOf([panel], rows));
  const whole = each.reduce((a, b) => (b.size > a.size ? b : a));
  const shared = each.every((keys) => [...keys.keys()].every((label) => whole.has(label)));
  paintKeys(figure.querySelector(".keys"), shared ? whole : new Map(), rows, picture.subject);
  const wide = Math.min(picture.columns, picture.panels.length);
  return Promise.all([...figure.querySelectorAll(".panel")].map((box, number) => {
    paintKeys(box.querySelector(".keys"), shared ? new Map() : each[number], rows, picture.subject);
    return paintPanel(box.querySelector(".plot"), picture, number, rows, wide);
  }));
}

function paintAll() {
  for (const row of document.querySelectorAll("tr[data-point]"))
    row.hidden = !isChosen(Number(row.dataset.point));
  return Promise.all(data.pictures.map(paint));
}

// ---- Choosing and sorting -------------------------------------------------------------------

function addChoice() {
  const nav = document.getElementById("choice");
  nav.replaceChildren();
  data.axes.forEach((axis, i) => {
    if (axis.labels.length < 2) return;
    const set = document.createElement("fieldset");
    set.innerHTML = "<legend></legend>";
    set.firstChild.textContent = axis.title;
    for (const value of axis.labels) {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.name = axis.name;
      box.value = value;
      box.checked = state.axes[i].has(value);
      box.addEventListener("change", () => {
        if (box.checked) state.axes[i].add(value);
        else if (state.axes[i].size > 1) state.axes[i].delete(value);
        else box.checked = true;  // one value at least
        writeAddress();
        paintAll();
      });
      label.append(box, " " + value);
      set.append(label);
    }
    nav.append(set);
  });
  nav.hidden = !nav.children.length;
}

function makeSortable(table) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    let up = false;
    const sort = () => {
      up = !up;
      const key = (row) => {
        const cell = row.cells[column];
        return "value" in cell.dataset ? Number(cell.dataset.value) : Number(row.dataset.point);
      };
      const order = (a, b) => isNaN(a) - isNaN(b) || (up ? 1 : -1) * (a - b);  // unknown ones last
      body.append(...[...body.rows].sort((a, b) => order(key(a), key(b))));
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => event.key === "Enter" && sort());
  });
}

// ---- Start ----------------------------------------------------------------------------------

async function loadLibrary() {
  const packed = Uint8Array.from(atob(document.getElementById("library").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

async function start() {
  readAddress();
  addChoice();
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  await loadLibrary();
  document.getElementById("figures").replaceChildren();
  data.pictures.forEach(addFigure);
  await paintAll();
  document.body.dataset.drawn = document.querySelectorAll(".plot .main-svg").length ? "yes" : "no";
}

window.addEventListener("hashchange", () => {
  readAddress();
  addChoice();
  document.getElementById("figures").replaceChildren();
  data.pictures.forEach(addFigure);
  paintAll();
});
start().catch((error) => {
  console.error(error);
  document.getElementById("figures").textContent = `The figures cannot be drawn: ${error.message}`;
});
