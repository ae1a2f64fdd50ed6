"""The loop as a person sees it: Chromium, from signing in to the audit page, in both languages."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from examples.portal_client import Document
from tests.loop.fixtures import Team
from tests.loop.running import Portal, wait_for_operation

PASSWORD = "granite otter lantern 42"
PAGES = (
    "",
    "datasets/",
    "training/",
    "training/new/",
    "experiments/",
    "models/",
    "endpoints/",
    "clusters/",
    "activity/",
    "audit/",
    "settings/members/",
    "settings/tokens/",
    "connect/",
)


@pytest.fixture(scope="module")
def person(portal: Portal, team: Team, chromium: Browser) -> Iterator[BrowserContext]:
    """The team's owner, signed in with the one-time password and a new one of her own."""
    context = chromium.new_context(base_url=portal.url, locale="en", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(f"/projects/{team.slug}/")
    expect(page).to_have_url(re.compile("/sign-in/"))
    username = "etch-owner"
    page.get_by_label("Username").fill(username)
    page.locator("input[name=password]").fill("wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("body")).to_contain_text(re.compile("password", re.IGNORECASE))
    page.get_by_label("Username").fill(username)
    page.locator("input[name=password]").fill(team.passwords[username])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/password/"))
    for field in page.locator("input[type=password]").all():
        current = "current" in (field.get_attribute("name") or "")
        field.fill(team.passwords[username] if current else PASSWORD)
    page.get_by_role("button", name="Set password").click()
    expect(page).to_have_url(re.compile(f"/projects/{team.slug}/$"))
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(person: BrowserContext) -> Iterator[Page]:
    """A tab; whatever a script throws or the server answers with 5xx fails the test."""
    page = person.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "response",
        lambda answer: problems.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None,
    )
    page.on(
        "console",
        lambda message: problems.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield page
    page.close()
    assert problems == []


def test_data_to_run(page: Page, team: Team) -> None:
    page.goto(f"/projects/{team.slug}/datasets/")
    page.get_by_role("link", name="wafers").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("wafers")

    page.goto(f"/projects/{team.slug}/training/new/?project=loop")
    page.locator("select[name=inputs__data]").select_option("wafers")
    page.locator("input[name=parameters__alpha]").fill("much")
    page.get_by_role("button", name="Launch").click()
    expect(page.locator("main")).to_contain_text("Must be a number")
    page.locator("input[name=parameters__alpha]").fill("0.4")
    page.locator("input[name=parameters__lines]").fill("12")
    page.locator("input[name=parameters__seconds]").fill("6")
    page.get_by_role("button", name="Launch").click()
    expect(page).to_have_url(re.compile(r"/training/\d+/$"))

    # The log arrives by itself, line by line, and so does the end.
    log = page.locator("[data-module=live-log]")
    expect(log).to_contain_text("line 0001 of 12", timeout=90_000)
    expect(log).to_contain_text("line 0012 of 12", timeout=60_000)
    run = page.locator("main a[href*='/runs/']").first
    expect(run).to_be_visible(timeout=60_000)
    text = log.inner_text()
    assert [text.count(f"line {number:04d} of 12") for number in range(1, 13)] == [1] * 12

    run.click()
    expect(page).to_have_url(re.compile("/runs/"))
    chart = page.locator("[data-module=metric-chart]").first
    expect(chart.locator("canvas")).to_be_visible()
    expect(page.locator("main")).to_contain_text("alpha")


def test_model_to_prediction_to_record(page: Page, team: Team, tiny_model: Document) -> None:
    made = tiny_model["result"]["model"]
    page.goto(f"/projects/{team.slug}/models/")
    page.get_by_role("link", name=made["name"], exact=True).first.click()
    page.locator("input[name=alias]").fill("seen")
    page.locator("select[name=version]").select_option(str(made["version"]))
    page.get_by_role("button", name="Point alias").click()
    expect(page.locator("main")).to_contain_text("seen")

    team.owner.post("endpoints", {"name": "tried"})
    page.goto(f"/projects/{team.slug}/endpoints/tried/")
    page.locator("select[name=model]").select_option(f"{made['name']}/{made['version']}")
    page.get_by_role("button", name="Deploy").click()
    expect(page.locator("main")).to_contain_text(f"v{made['version']}")
    newest = team.owner.get("endpoints/tried/revisions")["results"][0]
    assert wait_for_operation(team.owner, newest["operation_id"])["state"] == "succeeded"

    page.goto(f"/projects/{team.slug}/endpoints/tried/")
    answer = page.locator("[data-answer]")
    page.locator("textarea#body").fill('{"dataframe_split": {"columns": ["a", "b"], "data": [[20, 22]]}}')
    page.get_by_role("button", name="Predict").click()
    expect(answer).to_contain_text("42")
    page.locator("textarea#body").fill('{"dataframe_split": {"columns": ["a"], "data": [[20]]}}')
    page.get_by_role("button", name="Predict").click()
    expect(answer).to_contain_text("missing inputs ['b']")

    page.goto(f"/projects/{team.slug}/audit/")
    expect(page.locator("main")).to_contain_text("endpoint.invoke")
    team.owner.post("endpoints/tried/stop")


@pytest.mark.parametrize(
    ("language", "name", "says"), [("ko", "한국어", "데이터셋"), ("en", "English", "Datasets")]
)
def test_every_page_in_both_languages(page: Page, team: Team, language: str, name: str, says: str) -> None:
    page.goto(f"/projects/{team.slug}/")
    page.locator(
        "header button:has([class*=translate]), button[aria-label='Language'], button[aria-label='언어']"
    ).first.click()
    page.get_by_role("button", name=name).click()
    expect(page.locator("html")).to_have_attribute("lang", language)
    for path in PAGES:
        answer = page.goto(f"/projects/{team.slug}/{path}")
        assert answer is not None
        assert answer.status == 200, path
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator("nav").filter(has_text=says).first).to_be_visible()
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, f"{path} is wider than the window by {overflow} pixels"
