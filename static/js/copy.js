/* Buttons with data-copy put that text on the clipboard and say so. */
import { toast } from "./toasts.js";

/** Copy text; over plain HTTP, where the clipboard is closed to scripts, by way of a selection. */
export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("the browser refused to copy");
}

export function showCopied(button) {
  const use = button.querySelector("use");
  const before = use?.getAttribute("href");
  button.dataset.copied = "";
  use?.setAttribute("href", before.replace(/#.*/, "#check-lg"));
  setTimeout(() => { delete button.dataset.copied; use?.setAttribute("href", before); }, 1600);
  toast(document.body.dataset.textCopied, "success", 1600);
}

export function startCopying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button || button.dataset.copied !== undefined) return;
    try {
      await copyText(button.dataset.copy);
      showCopied(button);
    } catch {
      toast(document.body.dataset.textCopyFailed, "error");
    }
  });
}
