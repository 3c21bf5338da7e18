// The page: figures of the data's pictures, what is chosen, and an address that keeps it after #, so
// that a view can be kept as a link:
//   #topology.kind=ring|tree&log=distribution.0.x

const MOST_ROWS = 30;

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

const scaleName = (picture, number, letter) => `${picture.name}.${number}.${letter}`;

function isLog(picture, number, letter, scale) {
  const name = scaleName(picture, number, letter);
  return state.log.has(name) ? state.log.get(name) : scale.log;
}

/** Numbers of the chosen design points that a picture shows: at most `most`, evenly in rank. */
function shownPoints(picture) {
  const ranked = data.ranking.filter(isChosen).filter((n) => !picture.points || picture.points.includes(n));
  const rows = picture.panels.some((panel) => panel.y.by_point);
  const most = picture.most_points || (rows ? MOST_ROWS : 0);
  if (!most || ranked.length <= most) return { numbers: new Set(ranked), all: true };
  const even = Array.from({ length: most }, (_, i) => ranked[Math.round((i * (ranked.length - 1)) / (most - 1))]);
  return { numbers: new Set(even), all: false };
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
