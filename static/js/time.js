/* "3 minutes ago" for every <time data-relative>; the absolute time stays in the tooltip. */

const UNITS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const RELATIVE_FOR = 7 * 86400;
const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto", style: "long" });

export function relative(date, now = Date.now()) {
  const seconds = (date.getTime() - now) / 1000;
  for (const [unit, size] of UNITS) if (Math.abs(seconds) >= size) return words.format(Math.trunc(seconds / size), unit);
  return words.format(0, "second");
}

function refresh(root = document) {
  for (const element of root.querySelectorAll("time[data-relative]")) {
    const date = new Date(element.dateTime);
    if (Math.abs(Date.now() - date.getTime()) < RELATIVE_FOR * 1000) element.textContent = relative(date);
  }
}

export function startClocks() {
  refresh();
  setInterval(refresh, 30000);
  document.addEventListener("htmx:load", (event) => refresh(event.detail.elt));
}
