/* What a wafer map shows, worked out from its dies: layout, panels, differences, legends, summary. No drawing here. */
import { channels, diverging, figure, sequential, token } from "./palette.js";

/** Where the dies lie: a grid of `width` × `height` cells, and the wafer's circle around them in cells' shares (0…1). */
export function layout(data) {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let die = 0; die < data.x.length; die += 1) {
    left = Math.min(left, data.x[die]); right = Math.max(right, data.x[die]);
    top = Math.min(top, data.y[die]); bottom = Math.max(bottom, data.y[die]);
  }
  const width = right - left + 1;
  const height = bottom - top + 1;
  const dieAt = new Int32Array(width * height).fill(-1);
  let radius = 0;
  for (let die = 0; die < data.x.length; die += 1) {
    const column = data.x[die] - left;
    const row = data.y_up ? bottom - data.y[die] : data.y[die] - top;
    dieAt[row * width + column] = die;
    const far = Math.hypot((Math.abs(column + 0.5 - width / 2) + 0.5) / width, (Math.abs(row + 0.5 - height / 2) + 0.5) / height);
    if (far > radius) radius = far;
  }
  return { width, height, dieAt, radius: Math.min(radius, 0.72) * 1.012, cellOf: (die) => [data.x[die] - left, data.y_up ? bottom - data.y[die] : data.y[die] - top] };
}

const present = (value) => value !== null && value !== undefined && !Number.isNaN(value);

function range(...columns) {
  let [low, high] = [Infinity, -Infinity];
  for (const column of columns) for (const value of column) if (present(value)) { if (value < low) low = value; if (value > high) high = value; }
  return low <= high ? [low, high] : [0, 1];
}

const mean = (column) => { let [sum, count] = [0, 0]; for (const value of column) if (present(value)) { sum += value; count += 1; } return count ? sum / count : null; };

/* Each panel: key, title, colour(die) → [r, g, b], text(die), legend entries, counts for the summary. */

function categoryPanels(data, words) {
  const known = data.categories;
  const place = new Map(known.map((category, index) => [category.value, index]));
  const two = known.length === 2;
  const colours = () => (two ? [channels(token("--wafer-pass")), channels(token("--wafer-fail"))] : known.map((_, index) => channels(token(`--chart-${(index % 8) + 1}`))));
  const panel = (key, title, column) => {
    let palette = colours();
    const kind = (die) => (present(column[die]) ? place.get(column[die]) ?? -1 : -1);
    return {
      key, title, kind,
      refresh: () => { palette = colours(); },
      colour: (die) => palette[kind(die)] ?? null,
      text: (die) => known[kind(die)]?.label ?? words.textNone,
      legend: () => known.map((category, index) => ({ label: category.label, colour: palette[index] })),
      entries: known.map((category) => category.label),
    };
  };
  const panels = [];
  if (data.predicted) panels.push(panel("predicted", words.textPredicted, data.predicted));
  if (data.actual) panels.push(panel("actual", data.predicted ? words.textActual : data.title ?? words.textMap, data.actual));
  if (data.predicted && data.actual) {
    const names = two ? [words.textHitPass, words.textHitFail, words.textFalseAlarm, words.textMissed] : [words.textRight, words.textWrong];
    const tokens = two ? ["--wafer-right", "--wafer-right-fail", "--wafer-false-alarm", "--wafer-missed"] : ["--wafer-right", "--wafer-missed"];
    let palette = tokens.map((name) => channels(token(name)));
    const kind = (die) => {
      const [guess, truth] = [panels[0].kind(die), panels[1].kind(die)];
      if (guess < 0 || truth < 0) return -1;
      if (!two) return guess === truth ? 0 : 1;
      return guess === truth ? guess : guess > truth ? 2 : 3;
    };
    panels.push({
      key: "difference", title: words.textDifference, kind,
      refresh: () => { palette = tokens.map((name) => channels(token(name))); },
      colour: (die) => palette[kind(die)] ?? null,
      text: (die) => names[kind(die)] ?? words.textNone,
      legend: () => names.map((label, index) => ({ label, colour: palette[index] })),
      entries: names,
    });
  }
  return panels;
}

function numberPanels(data, words) {
  const unit = data.unit ? ` ${data.unit}` : "";
  const columns = [data.predicted, data.actual].filter(Boolean);
  const [low, high] = data.range ?? range(...columns);
  const panel = (key, title, column, share, bounds, ramp) => ({
    key, title, column, bounds, ramp,
    refresh: () => {},
    colour: (die) => (present(column[die]) ? ramp(share(column[die])) : null),
    text: (die) => (present(column[die]) ? `${figure(column[die])}${unit}` : words.textNone),
  });
  const spread = high > low ? high - low : 1;
  const panels = [];
  if (data.predicted) panels.push(panel("predicted", words.textPredicted, data.predicted, (value) => (value - low) / spread, [low, high], sequential));
  if (data.actual) panels.push(panel("actual", data.predicted ? words.textActual : data.title ?? words.textMap, data.actual, (value) => (value - low) / spread, [low, high], sequential));
  if (data.predicted && data.actual) {
    const difference = data.predicted.map((value, die) => (present(value) && present(data.actual[die]) ? value - data.actual[die] : null));
    const sizes = difference.filter(present).map(Math.abs).sort((a, b) => a - b);
    const most = sizes[Math.floor(sizes.length * 0.995)] || sizes.at(-1) || 1;
    panels.push(panel("difference", words.textDifference, difference, (value) => 0.5 + value / (2 * most), [-most, most], diverging));
  }
  return panels;
}

export function panelsOf(data, words) {
  return data.categories?.length ? categoryPanels(data, words) : numberPanels(data, words);
}

/** Rows of the table that says in words what the maps show. */
export function summary(data, panels, words) {
  const count = data.x.length;
  if (data.categories?.length) {
    const rows = [[words.textMap, "", words.textCount, words.textShare]];
    for (const panel of panels) {
      const counts = new Array(panel.entries.length + 1).fill(0);
      for (let die = 0; die < count; die += 1) counts[panel.kind(die) < 0 ? panel.entries.length : panel.kind(die)] += 1;
      [...panel.entries, words.textNone].forEach((label, index) => { if (counts[index] || index < panel.entries.length) rows.push([panel.title, label, figure(counts[index]), `${((counts[index] / count) * 100).toFixed(1)}%`]); });
    }
    return rows;
  }
  return [[words.textMap, words.textMean, words.textRange], ...panels.map((panel) => [panel.title, figure(mean(panel.column)), range(panel.column).map(figure).join(" – ")])];
}
