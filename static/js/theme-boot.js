/* Runs before the first paint, so that "as the system" shows the system's theme without a flash. */
(() => {
  const root = document.documentElement;
  if (root.dataset.theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches) root.dataset.bsTheme = "dark";
})();
