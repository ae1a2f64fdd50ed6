/* A form with one file that is sent whole, as the body of a PUT; the page comes back with what was made of it. */
import { Problem, request } from "./api.js";

const LIMIT = 32 * 1024 * 1024;

export default function archive(form) {
  const error = form.querySelector("[data-error]");
  const button = form.querySelector("button[type=submit]");
  const label = button.querySelector("span") ?? button;
  const idle = label.textContent;

  function show(text) {
    error.textContent = text;
    error.hidden = !text;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const file = form.querySelector("input[type=file]").files[0];
    if (!file) return;
    if (file.size > LIMIT) { show(form.dataset.textTooLarge); return; }
    show("");
    button.disabled = true;
    label.textContent = form.dataset.textSending;
    try {
      await request(form.dataset.url, { method: "PUT", body: file, headers: { "Content-Type": "application/octet-stream" } });
      window.location.reload();
    } catch (problem) {
      show(problem instanceof Problem ? problem.message : String(problem));
      button.disabled = false;
      label.textContent = idle;
    }
  });
}
