/* A form of filters (data-module="filters") that applies itself: at once for choices, after a pause for typing. */

const PAUSE = 350;

export default function filters(form) {
  let timer;
  const submit = () => form.requestSubmit();
  form.addEventListener("change", submit);
  form.addEventListener("input", (event) => {
    if (!event.target.matches('input[type="search"], input[type="text"]')) return;
    clearTimeout(timer);
    timer = setTimeout(submit, PAUSE);
  });
}
