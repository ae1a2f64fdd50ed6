/* A confusion matrix as a real table; each row shaded by its shares, so that a rare class is as readable as a common one. */
import { readSource } from "./api.js";
import { channels, figure, luminance, onTheme, token } from "./palette.js";

function cell(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export default async function confusionMatrix(box) {
  const { labels, matrix } = await readSource(box);
  const words = box.dataset;
  const table = document.createElement("table");
  table.className = "matrix";
  const top = table.createTHead().insertRow();
  top.append(cell("td", ""), cell("td", ""), cell("th", words.textPredicted, { scope: "colgroup", colspan: labels.length, class: "axis text-center" }));
  const names = table.tHead.insertRow();
  names.append(cell("td", ""), cell("td", ""), ...labels.map((label) => cell("th", label, { scope: "col" })));
  const body = table.createTBody();
  const shaded = [];
  matrix.forEach((counts, index) => {
    const row = body.insertRow();
    if (index === 0) row.append(cell("th", words.textActual, { scope: "rowgroup", rowspan: labels.length, class: "axis" }));
    row.append(cell("th", labels[index], { scope: "row" }));
    const total = counts.reduce((sum, count) => sum + count, 0);
    counts.forEach((count, place) => {
      const share = total ? count / total : 0;
      const td = cell("td", "");
      const rounded = share > 0 && share < 0.001 ? "<0.1%" : `${(share * 100).toFixed(1)}%`;
      td.append(cell("span", figure(count), { class: "count" }), cell("span", rounded, { class: "share" }));
      td.title = `${words.textActual} ${labels[index]} · ${words.textPredicted} ${labels[place]}: ${figure(count)} (${rounded} ${words.textShare})`;
      if (place === index) td.classList.add("is-hit");
      shaded.push([td, share]);
      row.append(td);
    });
  });
  /* Text turns black or white by the shade behind it: one of the two always holds 4.5:1. */
  function shade() {
    const heat = token("--heat").split(",").map(Number);
    const surface = channels(token("--surface"));
    for (const [td, share] of shaded) {
      const strength = 0.06 + share * 0.84;
      const mixed = heat.map((channel, index) => Math.round(channel * strength + surface[index] * (1 - strength)));
      td.style.backgroundColor = `rgb(${mixed.join(" ")})`;
      td.style.color = luminance(mixed) > 0.179 ? "#000" : "#fff";
    }
  }
  shade();
  onTheme(shade);
  const wrap = Object.assign(document.createElement("div"), { className: "overflow-auto" });
  wrap.append(table);
  box.append(wrap);
}
