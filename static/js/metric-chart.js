/* Metrics over steps or time, several runs overlaid. uPlot draws; legend, values under the pointer and the log switch are ours. */
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { readSource } from "./api.js";
import { figure, onTheme, seriesColour, table, token } from "./palette.js";

const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
const TABLE_ROWS = 500;

/** Join series on their x values, as uPlot wants them. */
export function align(series) {
  const xs = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
  const place = new Map(xs.map((x, index) => [x, index]));
  const columns = series.map((one) => {
    const column = new Array(xs.length).fill(undefined);
    one.x.forEach((x, index) => { column[place.get(x)] = one.y[index]; });
    return column;
  });
  return [xs, ...columns];
}

export default async function metricChart(box) {
  const data = await readSource(box);
  const plotBox = box.querySelector(".chart-plot");
  const legend = box.querySelector(".chart-legend");
  const logButton = box.querySelector("[data-log]");
  const resetButton = box.querySelector("[data-reset]");
  const series = data.series.filter((one) => one.x.length);
  if (!series.length) {
    plotBox.className = "faint small";
    plotBox.textContent = box.dataset.textEmpty;
    logButton.hidden = true;
    box.querySelector(".chart-data").hidden = true;
    return;
  }
  const columns = align(series);
  const hidden = new Set();
  let logarithmic = false;
  let plot = null;

  const items = series.map((one, index) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "legend-item" });
    const swatch = Object.assign(document.createElement("span"), { className: "swatch is-line" });
    const value = Object.assign(document.createElement("span"), { className: "value" });
    button.append(swatch, Object.assign(document.createElement("span"), { className: "truncate", textContent: one.name }), value);
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      if (hidden.has(index)) hidden.delete(index); else hidden.add(index);
      button.setAttribute("aria-pressed", String(!hidden.has(index)));
      plot.setSeries(index + 1, { show: !hidden.has(index) });
    });
    button.addEventListener("pointerenter", () => plot.setSeries(index + 1, { focus: true }));
    button.addEventListener("pointerleave", () => plot.setSeries(null, { focus: false }));
    const li = document.createElement("li");
    li.append(button);
    legend.append(li);
    return { swatch, value };
  });

  function showValues(index) {
    items.forEach((item, place) => {
      const column = columns[place + 1];
      const shown = index === null || index === undefined ? column.findLast((value) => value !== undefined && value !== null) : column[index];
      item.value.textContent = shown === undefined ? "" : figure(shown);
    });
  }

  function draw() {
    plot?.destroy();
    const axis = { stroke: token("--chart-axis"), grid: { stroke: token("--chart-grid"), width: 1 }, ticks: { show: false }, font: `11px ${token("--font-sans")}` };
    items.forEach((item, index) => { item.swatch.style.background = seriesColour(index); });
    const points = columns[0].length < 2;
    plot = new uPlot({
      width: plotBox.clientWidth,
      height: Number(box.dataset.height),
      legend: { show: false },
      cursor: { drag: { x: true, y: false }, points: { size: 6 } },
      focus: { alpha: 0.25 },
      scales: { x: { time: data.x_label === "time", range: points ? [columns[0][0] - 1, columns[0][0] + 1] : undefined }, y: { distr: logarithmic ? 3 : 1 } },
      axes: [
        { ...axis, size: 30, values: data.x_label === "time" ? undefined : (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? figure(tick) : "")) },
        { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : figure(tick))) },
      ],
      series: [{}, ...series.map((one, index) => ({
        label: one.name, stroke: seriesColour(index), width: 1.75, dash: DASHES[Math.floor(index / 8) % 4], show: !hidden.has(index), spanGaps: true, points: points ? { show: true, size: 7 } : { show: false },
      }))],
      hooks: {
        setCursor: [(self) => showValues(self.cursor.idx)],
        setScale: [(self, key) => {
          if (key === "x") resetButton.hidden = self.scales.x.min <= columns[0][0] && self.scales.x.max >= columns[0].at(-1);
        }],
      },
    }, columns, plotBox);
    showValues(null);
  }

  const positive = columns.slice(1).every((column) => column.every((value) => value === undefined || value === null || value > 0));
  logButton.disabled = !positive;
  logButton.addEventListener("click", () => {
    logarithmic = !logarithmic;
    logButton.setAttribute("aria-pressed", String(logarithmic));
    logButton.classList.toggle("active", logarithmic);
    draw();
  });
  resetButton.addEventListener("click", () => plot.setScale("x", { min: columns[0][0], max: columns[0].at(-1) }));
  box.querySelector(".chart-data").addEventListener("toggle", (event) => {
    const wrap = event.target.querySelector(".table-wrap");
    if (!event.target.open || wrap.childElementCount) return;
    const step = Math.ceil(columns[0].length / TABLE_ROWS);
    const rows = columns[0].map((x, index) => [figure(x), ...series.map((_, place) => figure(columns[place + 1][index]))]).filter((_, index) => index % step === 0);
    wrap.append(table([[data.x_label ?? "step", ...series.map((one) => one.name)], ...rows]));
  });
  const watcher = new ResizeObserver(() => plot.setSize({ width: plotBox.clientWidth, height: Number(box.dataset.height) }));
  draw();
  watcher.observe(plotBox);
  onTheme(draw);
  box.addEventListener("module:stop", () => { watcher.disconnect(); document.removeEventListener("theme:change", draw); plot.destroy(); });
}
