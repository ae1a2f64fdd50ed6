/* The theme menu: light, dark or as the system. The cookie is what the server renders from. */

const YEAR = 31536000;
const system = matchMedia("(prefers-color-scheme: dark)");

function apply(choice) {
  const root = document.documentElement;
  root.dataset.theme = choice;
  root.dataset.bsTheme = choice === "dark" || (choice === "system" && system.matches) ? "dark" : "light";
  document.dispatchEvent(new CustomEvent("theme:change"));
}

export default function theme(menu) {
  const choices = menu.querySelectorAll("[data-theme-value]");
  for (const choice of choices) {
    choice.addEventListener("click", () => {
      const secure = location.protocol === "https:" ? ";Secure" : "";
      document.cookie = `theme=${choice.dataset.themeValue};path=/;max-age=${YEAR};SameSite=Lax${secure}`;
      for (const other of choices) {
        other.classList.toggle("active", other === choice);
        other.setAttribute("aria-pressed", String(other === choice));
      }
      apply(choice.dataset.themeValue);
    });
  }
  system.addEventListener("change", () => { if (document.documentElement.dataset.theme === "system") apply("system"); });
}
