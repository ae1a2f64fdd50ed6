/* The Activity menu: loads its body, keeps it fresh while something runs, shows how many do. */

const BUSY = 3000;
const IDLE = 20000;

export default function activity(menu) {
  const body = menu.querySelector("[data-activity-body]");
  const count = menu.querySelector("[data-activity-count]");
  let timer;

  async function load() {
    clearTimeout(timer);
    try {
      const response = document.hidden ? null : await fetch(menu.dataset.url, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (response?.ok) {
        body.innerHTML = await response.text();
        body.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true, detail: { elt: body } }));
      }
    } catch (error) {
      console.warn("activity is not reachable", error);
    }
    const running = Number(body.querySelector("[data-running]")?.dataset.running ?? 0);
    count.textContent = running || "";
    count.className = running ? "tag is-accent num" : "";
    timer = setTimeout(load, running ? BUSY : IDLE);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });
  document.addEventListener("activity:changed", load);
  menu.addEventListener("show.bs.dropdown", load);
  load();
}
