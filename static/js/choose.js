/* Rows to compare: checkboxes named `run`; the button [data-compare] opens when enough are chosen. */

export default function choose(form) {
  const least = Number(form.dataset.least ?? 2);
  const most = Number(form.dataset.most ?? 10);
  const boxes = [...form.querySelectorAll('tbody input[type="checkbox"]')];
  const button = form.querySelector("[data-compare]");
  const shown = form.querySelector("[data-chosen]");

  function refresh() {
    const chosen = boxes.filter((box) => box.checked);
    button.disabled = chosen.length < least;
    if (shown) shown.textContent = chosen.length || "";
    for (const box of boxes) {
      box.closest("tr").setAttribute("aria-selected", String(box.checked));
      box.disabled = !box.checked && chosen.length >= most;
    }
  }
  form.addEventListener("change", refresh);
  refresh();
}
