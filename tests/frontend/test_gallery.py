"""Every component in both themes, both languages and both widths: nothing refused, nothing cut off, nothing unreadable."""

import pytest

from tests.frontend.conftest import TabOpener

PAGES = [
    "/",
    "/gallery/components/?errors=1",
    "/gallery/charts/",
    "/gallery/wafers/?across=60",
    "/sign-in/?errors=1",
    "/errors/403/",
]

# Contrast of every visible text with the surface behind it, by WCAG 2's formula.
CONTRAST = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => { if (!known.has(colour)) known.set(colour, read(colour)); return known.get(colour); };
  const read = (colour) => { context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1); return [...context.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const over = (top, bottom) => { const a = top[3] / 255; return [0, 1, 2].map((i) => top[i] * a + bottom[i] * (1 - a)).concat(255); };
  const behind = (element) => { const layers = []; for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor)); return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255, 255]); };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility({ opacityProperty: true }) || element.closest("script, template, option, canvas, [disabled], :disabled, .visually-hidden, .skip-link, dialog")) continue;
    const style = getComputedStyle(element);
    const surface = behind(element);
    const [a, b] = [light(over(rgba(style.color), surface)), light(surface)].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) poor.push(`${node.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)} (${element.className})`);
  }
  return poor;
}"""


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_pages_hold_together(open_tab: TabOpener, language: str, theme: str, width: int) -> None:
    tab = open_tab(language=language, theme=theme, width=width)
    for path in PAGES:
        page = tab.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.locator("html").get_attribute("data-bs-theme") == theme
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("[data-broken]").count() == 0, path
        assert page.evaluate(CONTRAST) == [], path
    assert tab.wrong == []


def test_names_and_labels(open_tab: TabOpener) -> None:
    tab = open_tab()
    for path in PAGES:
        page = tab.open(path)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("button, a[href], input:not([type=hidden]), select, textarea, [role=img]")]
              .filter((e) => e.checkVisibility() && !(e.textContent.trim() || e.getAttribute("aria-label") || e.title || e.labels?.length))
              .map((e) => e.outerHTML.slice(0, 120))"""
        )
        assert nameless == [], path
        assert page.locator("h1").count() == 1, path
        repeated = page.evaluate(
            "() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); return ids.filter((id, at) => ids.indexOf(id) !== at); }"
        )
        assert repeated == [], path


def test_system_theme_needs_no_repaint(open_tab: TabOpener) -> None:
    page = open_tab(theme="system", scheme="dark").open("/")
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    page.get_by_role("button", name="Theme").first.click()
    page.get_by_role("button", name="Light", exact=True).first.click()
    assert page.locator("html").get_attribute("data-bs-theme") == "light"
    assert page.evaluate("document.cookie").find("theme=light") >= 0
    page.reload()
    assert page.locator("html").get_attribute("data-bs-theme") == "light"


def test_language_switch_comes_back_to_the_same_page(open_tab: TabOpener) -> None:
    page = open_tab().open("/gallery/charts/")
    page.get_by_role("button", name="Language").first.click()
    page.get_by_role("button", name="한국어").first.click()
    page.locator("html[lang=ko]").wait_for(state="attached")
    assert page.url.endswith("/gallery/charts/")
    assert page.locator("html").get_attribute("lang") == "ko"


def test_keyboard_reaches_content_first(open_tab: TabOpener) -> None:
    page = open_tab().open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_phone_navigation_is_a_drawer(open_tab: TabOpener) -> None:
    page = open_tab(width=390).open("/")
    assert not page.locator(".shell > .sidebar").is_visible()
    page.get_by_role("button", name="Menu", exact=True).click()
    page.locator("#side.show").wait_for()
    assert page.locator("#side").get_by_role("link", name="Datasets").is_visible()


def test_navigation_shows_only_pages_that_exist(open_tab: TabOpener) -> None:
    page = open_tab().open("/projects/etch-yield-7k2m/")
    labels = page.locator(".shell > .sidebar a").all_inner_texts()
    assert "Datasets" in labels
    assert "Notebooks" not in labels
    assert page.locator(".shell > .sidebar [aria-current]").inner_text() == "Home"
