"""Every component in both themes, languages and widths: nothing refused, cut off or unreadable."""

from pathlib import Path

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

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
NAMELESS = (Path(__file__).parent / "nameless.js").read_text()


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
        nameless = page.evaluate(NAMELESS)
        assert nameless == [], path
        assert page.locator("h1").count() == 1, path
        ids = page.locator("[id]").evaluate_all("all => all.map((one) => one.id)")
        assert len(ids) == len(set(ids)), path


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
