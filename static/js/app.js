/* The one entry point. Behaviours that every page has are started here; elements with data-module load theirs when needed. */
import { startClocks } from "./time.js";
import { startCopying } from "./copy.js";
import { startConfirming } from "./confirm.js";
import { startSendingOnce } from "./once.js";
import { startToasts, toast } from "./toasts.js";

const modules = {
  "theme": () => import("./theme.js"),
  "activity": () => import("./activity.js"),
  "live-log": () => import("./live-log.js"),
  "upload": () => import("./upload.js"),
  "metric-chart": () => import("./metric-chart.js"),
  "confusion-matrix": () => import("./confusion-matrix.js"),
  "wafer-map": () => import("./wafer-map.js"),
  "echart": () => import("./echart.js"),
  "filters": () => import("./filters.js"),
  "choose": () => import("./choose.js"),
  "archive": () => import("./archive.js"),
  "passkey": () => import("./passkey.js"),
  "try-endpoint": () => import("./try-endpoint.js"),
};
const started = new WeakSet();

/** Start every module inside `root` once. An element that leaves the page is told by its "module:stop" event. */
async function start(root) {
  const loading = [];
  const found = root.querySelectorAll("[data-module]");
  for (const element of root.matches?.("[data-module]") ? [root, ...found] : found) {
    const load = modules[element.dataset.module];
    if (!load || started.has(element)) continue;
    started.add(element);
    loading.push(load().then((module) => module.default(element)).catch((error) => {
      console.error(`${element.dataset.module} did not start`, error);
      element.dataset.broken = "";
    }));
  }
  for (const element of root.querySelectorAll('[data-bs-toggle="tooltip"]')) {
    element.removeAttribute("title");
    window.bootstrap.Tooltip.getOrCreateInstance(element, { trigger: "hover focus", container: "body" });
  }
  await Promise.all(loading);
}

function stop(element) {
  for (const gone of [element, ...element.querySelectorAll("[data-module]")]) gone.dispatchEvent(new CustomEvent("module:stop"));
  for (const tipped of element.querySelectorAll('[data-bs-toggle="tooltip"]')) window.bootstrap.Tooltip.getInstance(tipped)?.dispose();
}

startToasts();
startCopying();
startConfirming();
startSendingOnce();
startClocks();
start(document).then(() => { document.documentElement.dataset.ready = ""; });

document.addEventListener("htmx:load", (event) => start(event.detail.elt));
document.addEventListener("htmx:beforeCleanupElement", (event) => { if (event.detail.elt.querySelectorAll) stop(event.detail.elt); });
document.addEventListener("htmx:sendError", () => toast(document.body.dataset.textOffline, "error"));
document.addEventListener("htmx:responseError", (event) => {
  let detail = document.body.dataset.textRefused;
  try { detail = JSON.parse(event.detail.xhr.responseText).detail ?? detail; } catch { /* an HTML page: the general sentence stands */ }
  toast(detail, "error");
});
