"""Every page that links lead to, as the people who see it: both languages, both themes, on a desk and on a phone."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import polib
import pytest
from django.urls import Resolver404, resolve
from playwright.sync_api import Browser, BrowserContext, Page

from examples.portal_client import Document
from tests.access_matrix.routes import django_routes
from tests.loop.fixtures import MEASUREMENTS, Team
from tests.loop.running import Portal, wait_for_operation

# The first case starts a portal, trains a model and follows every link; the others open a hundred pages each.
pytestmark = pytest.mark.timeout(900)
FRONTEND = Path(__file__).parents[1] / "frontend"
CONTRAST = (FRONTEND / "contrast.js").read_text()
NAMELESS = (FRONTEND / "nameless.js").read_text()
CATALOGUE = Path(__file__).parents[2] / "locale/ko/LC_MESSAGES/django.po"
PASSWORD = "granite otter lantern 42"
WIDTHS = (1440, 390)
# Pieces that pages fetch into themselves, and data for scripts.
PIECES = {"Summary", "ActivityMenu", "ConnectStatus", "CredentialStatus", "InboxBadge", "WaferData"}
TEXTS = """() => {
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (element.closest("script, template, pre, code, [lang]:not(html)") || !element.checkVisibility()) continue;
    const text = node.textContent.replace(/\\s+/g, " ").trim();
    if (text) found.add(text);
  }
  return [...found];
}"""


@dataclass
class Visitor:
    """A signed-in person, and the pages that only they were seen to reach: name of the address → path."""

    username: str
    state: Document
    pages: dict[str, str] = field(default_factory=dict)


def name_of(path: str) -> str | None:
    """The page's name in the URLconf; None for what is no page of ours."""
    try:
        match = resolve(path)
    except Resolver404:
        return None
    kind = match.kwargs.get("kind", "")
    return f"{match.view_name} {kind}".strip()


RECEIPTS = {"name": "auditors", "kind": "mail", "address": "audit@fab.example", "receipts": "weekly"}


def sign_in(browser: Browser, portal: Portal, username: str, one_time: str) -> Document:
    """Sign in as a person does, with a new password; what the browser keeps of it."""
    context = browser.new_context(base_url=portal.url, locale="en")
    page = context.new_page()
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(username)
    page.locator("input[name=password]").fill(one_time)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/password/"))
    for one in page.locator("input[type=password]").all():
        current = "current" in (one.get_attribute("name") or "")
        one.fill(one_time if current else PASSWORD)
    page.get_by_role("button", name="Set password").click()
    page.wait_for_url(lambda url: "/password/" not in url)
    state = dict(context.storage_state())
    context.close()
    return state


def crawl(context: BrowserContext, found: dict[str, str], *starts: str, within: str = "/") -> dict[str, str]:
    """Follow links below `within`, breadth first; one path for each page, those found before among them."""
    found = dict(found)
    page = context.new_page()
    waiting = deque(starts)
    while waiting:
        path = waiting.popleft()
        name = name_of(urlsplit(path).path)
        if name is None or name in found or name.startswith("accounts:sign_out"):
            continue
        answer = page.goto(path)
        assert answer is not None
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        assert answer.status == 200, f"{path}: {answer.status}"
        found[name] = path
        for link in page.locator("a[href]").evaluate_all("links => links.map((one) => one.href)"):
            parts = urlsplit(link)
            if parts.path.startswith(within) and not parts.path.startswith(("/api/", "/static/")):
                waiting.append(parts.path + (f"?{parts.query}" if parts.query else ""))
    page.close()
    return found


def make_everything(team: Team, model: Document) -> None:
    """What the pages of a project tell of: an endpoint, an open version, a credential, a role, requests, a link."""
    team.owner.post("endpoints", {"name": "looked-at"})
    deployed = team.owner.post(
        "endpoints/looked-at/deploy", {"model": model["name"], "version": model["version"]}
    )
    assert wait_for_operation(team.owner, deployed["operation"])["state"] == "succeeded"
    team.owner.post("datasets/wafers/versions", {})
    secret = {"url": "https://git.fab.example/models.git", "token": "to-be-sealed"}
    team.owner.post("credentials", {"name": "models", "kind": "git", "secret": secret})
    team.owner.post("custom-roles", {"name": "labeller", "permissions": ["dataset.read"]})
    team.owner.post("robots", {"name": "looked-at", "role": "scientist", "description": "Nightly builds"})
    team.owner.post("robots/looked-at/tokens", {"name": "gitlab"})
    team.viewer.post("approvals", {"permission": "dataset.write", "reason": "New maps of lot 7."})
    team.owner.post("protected-aliases", {"alias": "looked-at", "model": model["name"]})
    promotion = {
        "model": model["name"],
        "alias": "looked-at",
        "version": model["version"],
        "reason": "To see it.",
    }
    team.scientist.post("promotions", promotion)
    team.owner.post("datasets", {"name": "doomed"})
    team.owner.put_bytes("datasets/doomed/upload", MEASUREMENTS, path="wafers.csv")
    gone = {"reason": "To see what is left.", "confirm": "doomed@1"}
    deleted = team.owner.post("datasets/doomed/versions/1/deletion", gone)
    assert wait_for_operation(team.owner, deleted["operation"])["state"] == "succeeded"
    team.owner.post("datasets", {"name": "guarded"})
    team.owner.put_bytes("datasets/guarded/upload", MEASUREMENTS, path="wafers.csv")
    team.owner.post(
        "datasets/guarded/sensitivity", {"sensitivity": "confidential", "reason": "A customer's."}
    )
    team.owner.post("datasets/guarded/grants", {"role": "owner", "reason": "They keep it."})
    team.owner.post("audit-forwards", RECEIPTS)


def forward_platform(context: BrowserContext) -> None:
    """Have the platform's receipts mailed, as an admin does on the page."""
    page = context.new_page()
    page.goto("/platform/forwarding/")
    page.locator("[name=name]").fill(RECEIPTS["name"])
    page.locator("[name=kind]").select_option(RECEIPTS["kind"])
    page.locator("[name=address]").fill(RECEIPTS["address"])
    page.locator("[name=receipts]").select_option(RECEIPTS["receipts"])
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("link", name=RECEIPTS["name"]).wait_for()
    page.close()


def lend(portal: Portal, team: Team, lender: str) -> str:
    """A trusted account of this person, and the team's request to borrow from it; its project."""
    slug = portal.manage("createaccount", "Lender", "--kind", "trusted", "--owner", lender)["project"]
    offer = portal.client(slug, portal.token(lender, slug)).post("links", {})
    team.owner.post("links/claim", {"code": offer["code"]})
    return str(slug)


@pytest.fixture(scope="module")
def visitors(portal: Portal, team: Team, tiny_model: Document, chromium: Browser) -> list[Visitor]:
    """An owner of a project that has something of everything, an admin and an auditor, and what they reach."""
    model = tiny_model["result"]["model"]
    make_everything(team, model)
    run = tiny_model["run_id"]
    root = f"/projects/{team.slug}"
    people = {
        "looker": [],
        "admin-looker": ["--platform-role", "admin"],
        "auditor-looker": ["--platform-role", "auditor"],
    }
    visitors = []
    for username, options in people.items():
        made = portal.manage("createuser", username, *options)
        if username == "looker":
            team.owner.post("members", {"username": username, "role": "owner"})
            lender = lend(portal, team, username)
        visitors.append(Visitor(username, sign_in(chromium, portal, username, made["one_time_password"])))
    known: set[str] = set()
    for visitor in visitors:
        context = chromium.new_context(base_url=portal.url, storage_state=visitor.state)  # type: ignore[arg-type]
        found: dict[str, str] = {}
        if visitor.username == "looker":
            # The team's project first, whole: the lender's has the same pages with nothing on them. Within it by name:
            # other tests have things here without an open version, question or protected alias.
            found = crawl(
                context,
                found,
                f"{root}/datasets/wafers/",
                f"{root}/datasets/guarded/versions/1/download/?path=wafers.csv",
                f"{root}/models/{model['name']}/",
                f"{root}/wafers/?run={run}",
                f"{root}/runs/compare/?run={run}&run={run}",
                f"{root}/",
                within=f"{root}/",
            )
            found = crawl(context, found, f"/projects/{lender}/settings/account/links/invite/")
        if visitor.username == "admin-looker":
            forward_platform(context)
        found = crawl(context, found, "/")
        context.close()
        visitor.pages = {name: path for name, path in found.items() if name not in known or path == "/"}
        known |= set(found)
    return visitors


@pytest.fixture(scope="module")
def english_only() -> set[str]:
    """Messages that read otherwise in Korean: seen on a Korean page, one was not translated."""
    catalogue = polib.pofile(str(CATALOGUE))
    return {
        entry.msgid
        for entry in catalogue
        if entry.msgstr and entry.msgstr != entry.msgid and " " in entry.msgid
    }


def test_links_lead_to_every_page(visitors: list[Visitor]) -> None:
    seen = {
        resolve(urlsplit(path).path).func.view_class  # type: ignore[attr-defined]
        for visitor in visitors
        for path in visitor.pages.values()
        if hasattr(resolve(urlsplit(path).path).func, "view_class")
    }
    missing = {
        route.source
        for route in django_routes()
        if route.door in {"page", "personal", "platform"} and hasattr(route.view.view_class, "get")
        if route.view.view_class not in seen and route.view.view_class.__name__ not in PIECES
    }
    assert sorted(missing) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_page_holds_together(
    portal: Portal,
    visitors: list[Visitor],
    chromium: Browser,
    english_only: set[str],
    language: str,
    theme: str,
    width: int,
) -> None:
    wrong: list[str] = []
    for visitor in visitors:
        context = chromium.new_context(
            base_url=portal.url,
            storage_state=visitor.state,  # type: ignore[arg-type]
            viewport={"width": width, "height": 900},
        )
        context.add_cookies(
            [
                {"name": name, "value": value, "url": portal.url}
                for name, value in {"django_language": language, "theme": theme}.items()
            ]
        )
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"script: {error}"))  # noqa: B023  # one list for all
        for path in visitor.pages.values():
            page.goto(path)
            page.locator("html[data-ready]").wait_for(state="attached")
            wrong += [f"{path}: {what}" for what in _complaints(page, language, theme, width, english_only)]
        context.close()
    assert wrong == []


def _complaints(page: Page, language: str, theme: str, width: int, english_only: set[str]) -> Iterator[str]:
    html = page.locator("html")
    if html.get_attribute("lang") != language:
        yield f"speaks {html.get_attribute('lang')}"
    if html.get_attribute("data-bs-theme") != theme:
        yield f"is {html.get_attribute('data-bs-theme')}"
    if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
        yield f"is {wide} pixels wide"
    if page.locator("h1").count() != 1:
        yield f"has {page.locator('h1').count()} headings of the first level"
    yield from (f"hard to read: {text}" for text in page.evaluate(CONTRAST))
    yield from (f"nameless: {text}" for text in page.evaluate(NAMELESS))
    ids = page.locator("[id]").evaluate_all("all => all.map((one) => one.id)")
    yield from (f"id twice: {one}" for one in sorted({one for one in ids if ids.count(one) > 1}))
    if language == "ko":
        yield from (f"not translated: {text}" for text in page.evaluate(TEXTS) if text in english_only)
