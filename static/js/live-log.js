/* A log that is being written: follows the tail until the reader scrolls up, survives reconnects, ends when the work does. */
import { copyText, showCopied } from "./copy.js";
import { toast } from "./toasts.js";

const KEPT = 20000;
const NEAR = 24;
const PATTERNS = [["is-error", /\b(error|traceback|exception|fatal|critical)\b/i], ["is-warning", /\bwarn(ing)?\b/i], ["is-stage", /^(==>|---|###) /]];

function lineElement(text) {
  const line = document.createElement("div");
  const tone = PATTERNS.find(([, pattern]) => pattern.test(text));
  line.className = tone ? `log-line ${tone[0]}` : "log-line";
  line.textContent = text || "\u200b";
  return line;
}

export default function liveLog(section) {
  const words = section.dataset;
  const lines = section.querySelector("[data-lines]");
  const status = section.querySelector("[data-status]");
  const follow = section.querySelector("[data-follow]");
  const followText = follow.querySelector("span");
  let following = true;
  let missed = 0;
  let waiting = [];
  let partial = null;

  function setStatus(text, tone) {
    status.textContent = text;
    status.className = `state is-plain tone-${tone}`;
  }

  function setFollowing(on) {
    following = on;
    if (on) { missed = 0; lines.scrollTop = lines.scrollHeight; }
    follow.setAttribute("aria-pressed", String(on));
    follow.classList.toggle("active", on);
    followText.textContent = on || !missed ? words.textFollow : `${missed} ${words.textNew}`;
  }

  function flush() {
    lines.querySelector("[data-empty]")?.remove();
    const fragment = document.createDocumentFragment();
    for (const text of waiting) fragment.append(lineElement(text));
    missed += waiting.length;
    waiting = [];
    lines.append(fragment);
    if (following) while (lines.childElementCount > KEPT) lines.firstElementChild.remove();
    setFollowing(following);
  }

  /* Output comes in pieces that may end in the middle of a line: the open end is rewritten when the next piece arrives. */
  function add(text) {
    const parts = text.split("\n");
    if (partial) {
      parts[0] = partial.text + parts[0];
      if (partial.element) partial.element.remove(); else waiting.pop();
    }
    const open = parts.pop();
    if (!waiting.length) requestAnimationFrame(flush);
    waiting.push(...parts);
    partial = null;
    if (open) {
      waiting.push(open);
      partial = { text: open };
      requestAnimationFrame(() => { if (partial && !partial.element) partial.element = lines.lastElementChild; });
    }
  }

  lines.addEventListener("scroll", () => {
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < NEAR;
    if (atEnd !== following) setFollowing(atEnd);
  }, { passive: true });
  follow.addEventListener("click", () => setFollowing(!following));
  section.querySelector("[data-copy-log]").addEventListener("click", async (event) => {
    const text = [...lines.querySelectorAll(".log-line")].map((line) => line.textContent.replace("\u200b", "")).join("\n");
    try { await copyText(text); showCopied(event.currentTarget ?? event.target.closest("button")); } catch { toast(document.body.dataset.textCopyFailed, "error"); }
  });
  setFollowing(true);
  if (!words.events) return;

  const source = new EventSource(words.events);
  const known = Number(words.lastId) || 0;
  const tell = (name, detail) => section.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  source.addEventListener("open", () => setStatus(words.textLive, "info"));
  source.addEventListener("error", () => setStatus(words.textLost, "warn"));
  /* A first connection tells everything from the start: what the server has rendered already is passed over. */
  source.addEventListener("log", (event) => { if (!known || Number(event.lastEventId) > known) add(JSON.parse(event.data).text); });
  source.addEventListener("state", (event) => tell("live:state", JSON.parse(event.data)));
  source.addEventListener("end", (event) => {
    source.close();
    setStatus(words.textEnded, "idle");
    tell("live:end", event.data ? JSON.parse(event.data) : {});
  });
  section.addEventListener("module:stop", () => source.close());
}
