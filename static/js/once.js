/* A form is sent once: a second press while the answer is under way, as by a double click, sends nothing. */

// After this a form may be sent again: the answer was a file, or the connection was lost, and the page is still here.
const PATIENCE = 8000;
const sent = new Set();

function release(form) {
  sent.delete(form);
  form.removeAttribute("aria-busy");
}

export function startSendingOnce() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // Forms that scripts or htmx send were prevented by them: these have their own ways to wait.
    if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
    if (sent.has(form)) { event.preventDefault(); return; }
    sent.add(form);
    form.setAttribute("aria-busy", "true");
    setTimeout(() => release(form), PATIENCE);
  });
  // Back to a page that the browser kept as it was: its forms are free again.
  addEventListener("pageshow", (event) => { if (event.persisted) sent.forEach(release); });
}
