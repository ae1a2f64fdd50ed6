/* One wafer in up to three maps that share pointer, cursor and zoom. Each map is one image of a pixel per die, scaled by the
   canvas: 76,289 dies cost the same as 300. */
import { readSource } from "./api.js";
import { channels, figure, onTheme, table, token } from "./palette.js";
import { layout, panelsOf, summary } from "./wafer-data.js";

const CLOSEST = 40;
const GRID_FROM = 5;
const NOTCHES = { down: Math.PI / 2, left: Math.PI, up: -Math.PI / 2, right: 0 };
const MARGIN = 0.02;

function paint(panel, grid) {
  const image = new ImageData(grid.width, grid.height);
  const none = channels(token("--wafer-none"));
  panel.refresh();
  for (let cell = 0; cell < grid.dieAt.length; cell += 1) {
    if (grid.dieAt[cell] < 0) continue;
    image.data.set(panel.colour(grid.dieAt[cell]) ?? none, cell * 4);
    image.data[cell * 4 + 3] = 255;
  }
  const canvas = new OffscreenCanvas(grid.width, grid.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function drawWafer(context, size, panel, grid, view, notch, hovered) {
  const line = token("--line-strong");
  context.clearRect(0, 0, size, size);
  context.save();
  context.translate(-view.left * view.zoom * size, -view.top * view.zoom * size);
  context.scale(view.zoom, view.zoom);
  const inner = size * (1 - 2 * MARGIN);
  const fit = inner / (2 * grid.radius);
  const centre = size / 2;
  const angle = NOTCHES[notch] ?? NOTCHES.down;
  const edge = grid.radius * fit;
  const bite = size * 0.012;
  context.beginPath();
  context.arc(centre, centre, edge, angle + 0.03, angle - 0.03 + 2 * Math.PI);
  context.lineTo(centre + Math.cos(angle) * (edge - bite * 1.6), centre + Math.sin(angle) * (edge - bite * 1.6));
  context.closePath();
  context.fillStyle = token("--sunken");
  context.fill();
  context.strokeStyle = line;
  context.lineWidth = 1.25 / view.zoom;
  context.stroke();
  const cell = [fit / grid.width, fit / grid.height];
  const origin = [centre - fit / 2, centre - fit / 2];
  const seen = Math.min(...cell) * view.zoom;
  context.imageSmoothingEnabled = seen < 1;
  context.drawImage(panel.image, origin[0], origin[1], fit, fit);
  if (seen >= GRID_FROM) {
    context.beginPath();
    for (let at = 0; at < grid.dieAt.length; at += 1) {
      if (grid.dieAt[at] >= 0) context.rect(origin[0] + (at % grid.width) * cell[0], origin[1] + Math.floor(at / grid.width) * cell[1], cell[0], cell[1]);
    }
    context.strokeStyle = token("--sunken");
    context.lineWidth = 1 / view.zoom;
    context.stroke();
  }
  if (hovered) {
    const grow = Math.max(0, (4 / view.zoom - cell[0]) / 2);
    context.strokeStyle = token("--ink");
    context.lineWidth = 2 / view.zoom;
    context.strokeRect(origin[0] + hovered[0] * cell[0] - grow, origin[1] + hovered[1] * cell[1] - grow, cell[0] + 2 * grow, cell[1] + 2 * grow);
  }
  context.restore();
  return { origin, cell };
}

function swatchItem(label, fill) {
  const item = Object.assign(document.createElement("li"), { className: "legend-item" });
  const swatch = Object.assign(document.createElement("span"), { className: "swatch" });
  swatch.style.backgroundColor = fill;
  item.append(swatch, label);
  return item;
}

function rampItem(panel) {
  const item = Object.assign(document.createElement("li"), { className: "legend-item ramp" });
  const ramp = Object.assign(document.createElement("canvas"), { width: 64, height: 1 });
  const context = ramp.getContext("2d");
  for (let step = 0; step < 64; step += 1) {
    context.fillStyle = `rgb(${panel.ramp(step / 63).join(" ")})`;
    context.fillRect(step, 0, 1, 1);
  }
  item.append(figure(panel.bounds[0]), ramp, figure(panel.bounds[1]));
  return item;
}

/* Predicted and actual share one legend; the difference has its own, named. */
function legendOf(panels, words, none) {
  const entries = (panel) => (panel.legend ? panel.legend().map(({ label, colour }) => swatchItem(label, `rgb(${colour.join(" ")})`)) : [rampItem(panel)]);
  const items = entries(panels[0]);
  if (none) items.push(swatchItem(words.textNone, token("--wafer-none")));
  const difference = panels.find((panel) => panel.key === "difference");
  if (difference) {
    items.push(Object.assign(document.createElement("li"), { className: "break", ariaHidden: "true" }));
    items.push(Object.assign(document.createElement("li"), { className: "legend-title", textContent: difference.title }));
    items.push(...entries(difference));
  }
  return items;
}

export default async function waferMap(box) {
  const words = box.dataset;
  const data = await readSource(box);
  const grid = layout(data);
  const panels = panelsOf(data, words);
  const rows = summary(data, panels, words);
  const status = box.querySelector(".wafer-status");
  const view = { zoom: 1, left: 0, top: 0 };
  const help = Object.assign(document.createElement("p"), { className: "visually-hidden", id: `${words.source ?? "wafer"}-keys`, textContent: words.textKeys });
  let hovered = null;
  let queued = false;
  let placed = null;

  for (const panel of panels) {
    const shown = Object.assign(document.createElement("figure"), { className: "wafer-panel" });
    const caption = document.createElement("figcaption");
    panel.value = Object.assign(document.createElement("span"), { className: "value" });
    caption.append(panel.title, panel.value);
    panel.canvas = Object.assign(document.createElement("canvas"), { className: "wafer-canvas", tabIndex: 0 });
    panel.canvas.setAttribute("role", "img");
    panel.canvas.setAttribute("aria-label", `${panel.title}, ${figure(data.x.length)} ${words.textDies}`);
    panel.canvas.setAttribute("aria-describedby", help.id);
    shown.append(caption, panel.canvas);
    box.querySelector(".wafer-panels").append(shown);
  }
  box.append(help);
  box.querySelector(".chart-data .table-wrap").append(table(rows));

  function draw() {
    queued = false;
    for (const panel of panels) {
      const size = Math.round(panel.canvas.clientWidth * devicePixelRatio);
      if (!size) continue;
      if (panel.canvas.width !== size) { panel.canvas.width = size; panel.canvas.height = size; }
      placed = { size, ...drawWafer(panel.canvas.getContext("2d"), size, panel, grid, view, data.notch, hovered) };
      panel.canvas.classList.toggle("is-zoomed", view.zoom > 1);
    }
  }
  const later = () => { if (!queued) { queued = true; requestAnimationFrame(draw); } };

  function repaint() {
    for (const panel of panels) panel.image = paint(panel, grid);
    const none = panels.some((panel) => data.x.some((_, die) => panel.colour(die) === null));
    box.querySelector(".chart-legend").replaceChildren(...legendOf(panels, words, none));
    later();
  }

  function hover(cell) {
    const die = cell && cell[0] >= 0 && cell[1] >= 0 && cell[0] < grid.width && cell[1] < grid.height ? grid.dieAt[cell[1] * grid.width + cell[0]] : -1;
    hovered = die >= 0 ? cell : null;
    for (const panel of panels) panel.value.textContent = die >= 0 ? panel.text(die) : "";
    status.textContent = die >= 0 ? `${words.textDie} (${data.x[die]}, ${data.y[die]})` : `${figure(data.x.length)} ${words.textDies}`;
    later();
    return die >= 0;
  }

  /** Zoom to `factor` keeping the point (x, y), in shares of the canvas, where it is. */
  function zoom(factor, x = 0.5, y = 0.5) {
    const next = Math.min(CLOSEST, Math.max(1, view.zoom * factor));
    view.left = view.left + x / view.zoom - x / next;
    view.top = view.top + y / view.zoom - y / next;
    view.zoom = next;
    keepInside();
  }
  function keepInside() {
    const most = 1 - 1 / view.zoom;
    view.left = Math.min(most, Math.max(0, view.left));
    view.top = Math.min(most, Math.max(0, view.top));
    later();
  }
  const shareOf = (event, canvas) => { const area = canvas.getBoundingClientRect(); return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height]; };
  function cellAt(event, canvas) {
    const [x, y] = shareOf(event, canvas);
    const [px, py] = [(view.left + x / view.zoom) * placed.size, (view.top + y / view.zoom) * placed.size];
    return [Math.floor((px - placed.origin[0]) / placed.cell[0]), Math.floor((py - placed.origin[1]) / placed.cell[1])];
  }
  function follow() {
    const [x, y] = [0, 1].map((axis) => (placed.origin[axis] + (hovered[axis] + 0.5) * placed.cell[axis]) / placed.size);
    const seen = 1 / view.zoom;
    if (x < view.left || x > view.left + seen) view.left = x - seen / 2;
    if (y < view.top || y > view.top + seen) view.top = y - seen / 2;
    keepInside();
  }
  function step(dx, dy) {
    const from = hovered ?? [Math.floor(grid.width / 2), Math.floor(grid.height / 2)];
    for (let far = hovered ? 1 : 0; far < Math.max(grid.width, grid.height); far += 1) if (hover([from[0] + dx * far, from[1] + dy * far])) return follow();
    return hover(from);
  }

  const keys = { ArrowLeft: () => step(-1, 0), ArrowRight: () => step(1, 0), ArrowUp: () => step(0, -1), ArrowDown: () => step(0, 1), "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: () => zoom(0), Escape: () => hover(null) };
  for (const { canvas } of panels) {
    let dragged = null;
    canvas.addEventListener("pointermove", (event) => {
      if (dragged) {
        const [x, y] = shareOf(event, canvas);
        view.left -= (x - dragged[0]) / view.zoom;
        view.top -= (y - dragged[1]) / view.zoom;
        dragged = [x, y];
        keepInside();
      } else if (placed) hover(cellAt(event, canvas));
    });
    canvas.addEventListener("pointerdown", (event) => { if (view.zoom > 1) { dragged = shareOf(event, canvas); canvas.setPointerCapture(event.pointerId); } });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { dragged = null; });
    canvas.addEventListener("pointerleave", () => { if (!dragged) hover(null); });
    canvas.addEventListener("dblclick", (event) => zoom(2, ...shareOf(event, canvas)));
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.25 : 0.8, ...shareOf(event, canvas));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
  const zooms = { in: () => zoom(1.5), out: () => zoom(1 / 1.5), reset: () => zoom(0) };
  for (const button of box.querySelectorAll("[data-zoom]")) button.addEventListener("click", zooms[button.dataset.zoom]);

  const watcher = new ResizeObserver(later);
  watcher.observe(box);
  onTheme(repaint);
  box.addEventListener("module:stop", () => { watcher.disconnect(); document.removeEventListener("theme:change", repaint); });
  repaint();
  hover(null);
}
