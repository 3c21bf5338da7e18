"use strict";
// Paints one panel of a picture (picture.py says what it holds) and its keys with plotly.js; whether a
// scale is logarithmic is chosen on the page (isLog in report.js).

const data = JSON.parse(document.getElementById("data").textContent);
const DASHES = ["solid", "10px,4px", "2px,3px", "10px,4px,2px,4px", "18px,5px", "18px,5px,3px,5px,3px,5px",
  "2px,9px", "8px,3px,8px,10px"];
const MARKERS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star"];
const HATCHES = ["", "/", ".", "x", "\\", "+", "-", "|", "\\"];
const MOST_MARKS = 300, ROW = 26, HEIGHT = 340;
const LETTERS = 32;  // of a title beside rows; longer ones are broken

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
