/* Short notices at the corner: the server's messages, and those of scripts. */

const ICONS = { success: ["check-circle-fill", "tone-ok"], error: ["x-circle-fill", "tone-bad"], warning: ["exclamation-triangle-fill", "tone-warn"], info: ["info-circle-fill", "tone-info"] };
const STAY = 6000;

function arm(note, stay) {
  note.querySelector("[data-dismiss]").addEventListener("click", () => note.remove());
  if (stay) {
    let timer = setTimeout(() => note.remove(), stay);
    note.addEventListener("pointerenter", () => clearTimeout(timer));
    note.addEventListener("pointerleave", () => { timer = setTimeout(() => note.remove(), stay); });
  }
}

/** Show a notice. Errors stay until they are closed. */
export function toast(text, tone = "info", stay = tone === "error" ? 0 : STAY) {
  const note = document.getElementById("toast-template").content.cloneNode(true).firstElementChild;
  const [icon, colour] = ICONS[tone] ?? ICONS.info;
  const use = note.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${icon}`));
  note.querySelector(".icon").classList.add(colour);
  note.querySelector("p").textContent = text;
  document.getElementById("toasts").append(note);
  arm(note, stay);
}

export function startToasts() {
  for (const note of document.querySelectorAll("#toasts > .note")) arm(note, ["error", "warning"].includes(note.dataset.tone) ? 0 : STAY);
}
