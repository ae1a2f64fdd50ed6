/* Controls that a screen reader would announce without a name. Run by Playwright in the page. */
() => {
  const named = (one) => one.textContent.trim() || one.getAttribute("aria-label") || one.title || one.labels?.length;
  const controls = document.querySelectorAll("button, a[href], input:not([type=hidden]), select, textarea, [role=img]");
  return [...controls].filter((one) => one.checkVisibility() && !one.closest("[aria-hidden=true]") && !named(one)).map((one) => one.outerHTML.slice(0, 120));
}
