/* Send what is in the box to an endpoint and show its answer, or the sentence with which it refuses. */
import { Problem, request } from "./api.js";

export default function tryEndpoint(form) {
  const box = form.querySelector("textarea");
  const answer = form.querySelector("[data-answer]");
  const note = form.querySelector("[data-note]");
  const button = form.querySelector("button[type=submit]");

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    note.textContent = form.dataset.textAsking;
    const started = performance.now();
    try {
      const { data } = await request(form.dataset.url, { method: "POST", body: box.value, headers: { "Content-Type": "application/json" } });
      answer.textContent = JSON.stringify(data, null, 1);
      note.textContent = `${form.dataset.textTook} ${Math.round(performance.now() - started)} ms`;
    } catch (problem) {
      answer.textContent = problem instanceof Problem ? problem.message : String(problem);
      note.textContent = "";
    }
    answer.hidden = false;
    button.disabled = false;
  });
}
