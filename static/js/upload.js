/* Uploads a file in chunks that survive a broken connection: create, PUT at an offset, finish. See docs/design-system.md. */
import { Problem, request } from "./api.js";

const PAUSES = [1, 2, 4, 8, 15, 30];
const language = document.documentElement.lang;
const SPEED_WINDOW = 8000;

/** Bytes in words: 12.3 MB. */
export function bytes(count) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = count < 1000 ? 0 : Math.min(4, Math.floor(Math.log(count) / Math.log(1000)));
  return new Intl.NumberFormat(language, { style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: step ? 1 : 0 }).format(count / 1000 ** step);
}

function seconds(count) {
  const [value, unit] = count < 90 ? [count, "second"] : count < 5400 ? [count / 60, "minute"] : [count / 3600, "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 0 }).format(Math.max(1, value));
}

const pause = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});

/* Files of a dropped folder are called by their path in it. */
const paths = new WeakMap();
const named = (file) => paths.get(file) ?? file.name;

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    paths.set(file, entry.fullPath.replace(/^\/+/, ""));
    found.push(file);
    return;
  }
  const reader = entry.createReader();
  // A folder is told in portions; an empty one ends it.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const each of some) await walk(each, found);
  }
}

/** The files of a drop, those in folders too. Entries are to be had only while the event is handled. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

/** PUT one chunk; by XMLHttpRequest, which alone reports how much has gone out. Resolves to the server's new offset. */
function put(url, chunk, offset, token, onSent, signal) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const stop = () => xhr.abort();
    signal.addEventListener("abort", stop, { once: true });
    const done = (act, value) => { signal.removeEventListener("abort", stop); act(value); };
    xhr.open("PUT", url);
    xhr.setRequestHeader("Content-Type", "application/octet-stream");
    xhr.setRequestHeader("Upload-Offset", String(offset));
    xhr.setRequestHeader("X-CSRFToken", token);
    xhr.upload.onprogress = (event) => onSent(event.loaded);
    xhr.onerror = () => done(reject, new TypeError("connection lost"));
    xhr.onabort = () => done(reject, signal.reason);
    xhr.onload = () => {
      let data = null;
      try { data = JSON.parse(xhr.responseText); } catch { /* an empty answer is fine */ }
      if (xhr.status < 300) return done(resolve, data?.offset ?? offset + chunk.size);
      return done(reject, new Problem(xhr.status, data?.detail ?? `${xhr.status} ${xhr.statusText}`, data));
    };
    xhr.send(chunk);
  });
}

const CANCELLED = Symbol("cancelled");
const temporary = (error) => !(error instanceof Problem) || error.status === 429 || error.status >= 500;

/** Send a file whole. `on` hears "progress" (bytes held by the server or under way) and "waiting" (seconds until the next try). */
export async function upload(file, { create, fields = {}, chunk, signal, on }) {
  async function patiently(act) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await act(attempt);
      } catch (error) {
        if (signal.aborted || !temporary(error) || attempt >= 40) throw error;
        const wait = PAUSES[Math.min(attempt, PAUSES.length - 1)];
        on("waiting", wait);
        await pause(wait * 1000, signal);
      }
    }
  }
  const made = (await request(create, { method: "POST", json: { filename: named(file), size: file.size, ...fields }, signal })).data;
  const token = document.querySelector('meta[name="csrf-token"]').content;
  signal.addEventListener("abort", () => { request(made.url, { method: "DELETE" }).catch(() => console.warn("the half-made upload expires by itself")); }, { once: true });
  let offset = made.offset ?? 0;
  while (offset < file.size) {
    offset = await patiently(async (attempt) => {
      if (attempt) offset = (await request(made.url, { signal })).data.offset;
      const part = file.slice(offset, offset + chunk);
      if (!part.size) return offset;
      const start = offset;
      try {
        return await put(made.url, part, start, token, (sent) => on("progress", start + sent), signal);
      } catch (error) {
        if (error instanceof Problem && error.status === 409 && Number.isInteger(error.body?.offset)) return error.body.offset;
        throw error;
      }
    });
    on("progress", offset);
  }
  on("checking");
  return (await patiently(() => request(`${made.url.replace(/\/$/, "")}/finish`, { method: "POST", json: {}, signal }))).data;
}

function row(file, words) {
  const item = document.createElement("li");
  item.className = "upload-item";
  const line = document.createElement("div");
  line.className = "upload-line";
  const name = Object.assign(document.createElement("span"), { className: "name", textContent: named(file) });
  const size = Object.assign(document.createElement("span"), { className: "faint num", textContent: bytes(file.size) });
  const state = Object.assign(document.createElement("span"), { className: "push dim num" });
  const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-ghost btn-sm", textContent: words.textCancel });
  const bar = Object.assign(document.createElement("progress"), { max: Math.max(1, file.size), value: 0 });
  bar.setAttribute("aria-label", named(file));
  line.append(name, size, state, button);
  item.append(line, bar);
  return { item, state, bar, button };
}

export default function uploads(box) {
  const words = box.dataset;
  const input = box.querySelector('input[type="file"]');
  const drop = box.querySelector(".drop");
  const list = box.querySelector(".upload-list");

  async function send(file) {
    const shown = row(file, words);
    list.append(shown.item);
    const control = new AbortController();
    const marks = [];
    const leave = (event) => event.preventDefault();
    addEventListener("beforeunload", leave);
    shown.button.onclick = () => control.abort(new DOMException("cancelled", "AbortError"));
    function on(what, value) {
      if (what === "waiting") shown.state.textContent = `${words.textWaiting} ${seconds(value)}`;
      else if (what === "checking") shown.state.textContent = words.textChecking;
      else {
        const now = performance.now();
        marks.push([now, value]);
        while (marks.length > 2 && now - marks[0][0] > SPEED_WINDOW) marks.shift();
        const [since, from] = marks[0];
        const speed = now > since ? ((value - from) / (now - since)) * 1000 : 0;
        shown.bar.value = value;
        const left = speed > 0 ? ` · ${seconds((file.size - value) / speed)} ${words.textLeft}` : "";
        shown.state.textContent = `${Math.floor((value / Math.max(1, file.size)) * 100)}%${speed > 0 ? ` · ${bytes(speed)}/s` : ""}${left}`;
      }
    }
    try {
      const result = await upload(file, { create: words.create, fields: JSON.parse(words.fields || "{}"), chunk: Number(words.chunk), signal: control.signal, on });
      shown.bar.value = shown.bar.max;
      shown.bar.className = "is-done";
      shown.state.textContent = words.textDone;
      shown.button.remove();
      box.dispatchEvent(new CustomEvent("upload:done", { bubbles: true, detail: result }));
      return result;
    } catch (error) {
      shown.bar.className = "is-bad";
      shown.state.textContent = control.signal.aborted ? words.textCancelled : `${words.textFailed}: ${error.message}`;
      shown.button.textContent = words.textRetry;
      shown.button.onclick = () => { shown.item.remove(); sendAll([file]); };
      return control.signal.aborted ? CANCELLED : null;
    } finally {
      removeEventListener("beforeunload", leave);
    }
  }

  async function sendAll(files) {
    let last = null;
    let whole = true;
    for (const file of files) {
      const result = await send(file);
      if (result === CANCELLED) continue;
      last = result ?? last;
      whole &&= result !== null;
    }
    if (!last) return;
    const next = last?.page || last?.url || words.next;
    if (whole && next && !next.includes("/api/")) location.assign(next);
    else if (whole && words.next) location.assign(words.next);
  }

  input.addEventListener("change", () => { if (input.files.length) sendAll([...input.files]); input.value = ""; });
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("is-over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("is-over"); });
  drop.addEventListener("drop", async (event) => {
    const files = await dropped(event.dataTransfer);
    sendAll(input.multiple ? files : files.slice(0, 1));
  });
}
