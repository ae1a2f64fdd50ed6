/* data-confirm on a button, link or form: the dialog asks first, and for grave things has the name typed. */

const allowed = new WeakSet();

function ask(source, proceed) {
  const dialog = document.getElementById("confirm-dialog");
  const yes = dialog.querySelector('[value="confirm"]');
  const box = dialog.querySelector("[data-type-box]");
  const typed = dialog.querySelector("#confirm-typed");
  const wanted = source.dataset.confirmType ?? "";
  dialog.querySelector("#confirm-title").textContent = source.dataset.confirm;
  const detail = dialog.querySelector("#confirm-detail");
  detail.textContent = source.dataset.confirmDetail ?? "";
  detail.hidden = !detail.textContent;
  yes.textContent = source.dataset.confirmLabel || yes.dataset.default;
  box.hidden = !wanted;
  box.querySelector("code").textContent = wanted;
  typed.value = "";
  yes.disabled = Boolean(wanted);
  typed.oninput = () => { yes.disabled = typed.value !== wanted; };
  typed.onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (!yes.disabled) dialog.close("confirm");
  };
  dialog.returnValue = "cancel";
  dialog.addEventListener("close", () => { if (dialog.returnValue === "confirm") proceed(); }, { once: true });
  dialog.showModal();
  if (wanted) typed.focus();
}

export function startConfirming() {
  document.addEventListener("click", (event) => {
    const source = event.target.closest("button[data-confirm], a[data-confirm]");
    if (!source) return;
    if (allowed.delete(source)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(source, () => { allowed.add(source); source.click(); });
  }, true);
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-confirm]") || allowed.delete(form)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const submitter = event.submitter ?? undefined;
    ask(form, () => { allowed.add(form); form.requestSubmit(submitter); });
  }, true);
}
