/* Colours for canvases: read from the tokens, so that they follow the theme, and colour ramps that stay readable for all eyes. */

export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const seriesColour = (index) => token(`--chart-${(index % 8) + 1}`);
export const onTheme = (act) => document.addEventListener("theme:change", act);

/* Cividis, sampled: made to read the same with and without red-green blindness. */
const CIVIDIS = [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115], [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]];
/* Blue through grey to orange, for differences around zero. */
const DIVERGING_LIGHT = [[5, 75, 140], [60, 130, 190], [150, 190, 220], [236, 238, 241], [245, 190, 130], [222, 125, 40], [160, 70, 0]];
const DIVERGING_DARK = [[120, 190, 245], [70, 135, 195], [45, 80, 115], [34, 39, 47], [110, 70, 30], [195, 115, 35], [250, 175, 80]];

function at(ramp, share) {
  const place = Math.min(1, Math.max(0, share)) * (ramp.length - 1);
  const low = Math.floor(place);
  const high = Math.min(ramp.length - 1, low + 1);
  return ramp[low].map((channel, index) => Math.round(channel + (ramp[high][index] - channel) * (place - low)));
}

export const sequential = (share) => at(CIVIDIS, share);
export const diverging = (share) => at(document.documentElement.dataset.bsTheme === "dark" ? DIVERGING_DARK : DIVERGING_LIGHT, share);

/** "#12ab34" or "rgb(…)" as three numbers, by way of the canvas, which understands every notation. */
export function channels(colour) {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

/** Relative luminance of three channels, 0 to 1, by WCAG 2's definition. */
export function luminance(rgb) {
  const [red, green, blue] = rgb.map((channel) => { const share = channel / 255; return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** A number as people read it: 4 significant digits. */
export function figure(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "—";
  if (Number.isInteger(value)) return value.toLocaleString(document.documentElement.lang);
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e6) ? value.toExponential(3) : String(Number(value.toPrecision(4)));
}

/** A table as rows of text, first row the headings. */
export function table(rows, { headings = true } = {}) {
  const element = document.createElement("table");
  element.className = "table-ui is-dense";
  rows.forEach((cells, index) => {
    const tr = (index === 0 && headings ? element.createTHead() : element.tBodies[0] ?? element.createTBody()).insertRow();
    cells.forEach((cell, place) => {
      const heading = (index === 0 && headings) || place === 0;
      const td = document.createElement(heading ? "th" : "td");
      if (heading) td.scope = index === 0 && headings ? "col" : "row";
      if (place > 0) td.className = "num";
      td.textContent = cell;
      tr.append(td);
    });
  });
  return element;
}
