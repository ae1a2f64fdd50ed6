"""The review's pages: months by account, one month's findings, marks, the sign-off; the project's own, once signed."""

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.audit import sealing
from accounts.recent import CONFIRMED_AT
from projects.reviews.months import Month
from tests.cast import Cast
from tests.engines.fixtures import become

MOST_QUERIES = 15
MONTHS = "/audit-room/review/"


@pytest.fixture
def month(cast: Cast) -> Month:
    """The month before, in which the accounts were there already."""
    before = Month.current().before
    with become("owner"), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_account SET created_at = %s", [before.start])
    return before


def _page(client: Client, path: str) -> str:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(path)
    assert response.status_code == 200, response.content[:300]
    plain = [q for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]
    assert len(plain) <= MOST_QUERIES, (path, [q["sql"][:120] for q in plain])
    return unescape(response.content.decode())


def _keys(page: str) -> list[str]:
    return sorted(set(re.findall(r'name="key" value="([^"]+)"', page)))


def test_from_the_list_of_months_to_the_sign_off(cast: Cast, month: Month) -> None:
    audrey = cast.client("audrey")
    assert "To review" in _page(audrey, MONTHS) or month.overdue
    one = f"{MONTHS}{cast.acme.pk}/{month}/"
    assert "Begin the review" in _page(audrey, one)
    assert audrey.post(one).status_code == 302
    page = _page(audrey, one)
    assert "The log was not verified in this month." in page
    keys = _keys(page)
    assert keys
    action = {"key": keys[:1], "verdict": "action", "note": "Verify it daily.", "kind": "log"}
    assert audrey.post(f"{one}marks/", action).headers["Location"] == f"{one}#log"
    assert "Verify it daily." in _page(audrey, one)
    audrey.post(f"{one}marks/", {"key": keys[1:], "verdict": "ok"})
    with become("system"):
        sealing.seal_all()
    assert "Sign off" in _page(audrey, one)
    empty = audrey.post(f"{one}sign-off/", {"note": ""})
    assert empty.status_code == 400
    assert audrey.post(f"{one}sign-off/", {"note": "In order."}).status_code == 302
    signed = _page(audrey, one)
    assert "In order." in signed
    assert not _keys(signed), "nothing can be said of what is signed"
    stella = cast.client("stella")
    assert f"/audit/reviews/{month}/" in _page(stella, f"/projects/{cast.acme.slug}/audit/reviews/")
    assert "Verify it daily." in _page(stella, f"/projects/{cast.acme.slug}/audit/reviews/{month}/")


def test_signing_off_needs_a_fresh_proof_of_who_this_is(cast: Cast, month: Month) -> None:
    audrey = cast.client("audrey", signed_in=3600)
    one = f"{MONTHS}{cast.acme.pk}/{month}/"
    audrey.post(one)
    answer = audrey.post(f"{one}sign-off/", {"note": "In order."})
    assert (answer.status_code, "/sign-in/again/" in answer.headers["Location"]) == (302, True)
    session = audrey.session
    assert session[CONFIRMED_AT] is not None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"key": [], "verdict": "ok"}, 404),
        ({"key": ["log:verification"], "verdict": "action", "note": ""}, 302),
        ({"key": ["log:verification"], "verdict": "no"}, 302),
        ({"key": ["log:verification"], "verdict": "ok", "kind": "x y<>"}, 302),
    ],
)
def test_what_is_not_understood_is_refused(cast: Cast, given: dict[str, Any], said: int) -> None:
    audrey = cast.client("audrey")
    one = f"{MONTHS}{cast.acme.pk}/{Month.current()}/"
    audrey.post(one)
    answer = audrey.post(f"{one}marks/", given)
    assert answer.status_code == said
    assert "<" not in answer.headers.get("Location", "")


def test_the_room_says_what_is_overdue(cast: Cast) -> None:
    audrey = cast.client("audrey")
    assert "overdue" not in _page(audrey, "/audit-room/")
    with become("owner"), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_account SET created_at = %s", [Month.last(4)[-1].start])
    assert "overdue" in _page(audrey, "/audit-room/")
    assert "overdue" in _page(audrey, MONTHS)


def test_months_and_accounts_that_are_not_there(cast: Cast) -> None:
    audrey = cast.client("audrey")
    for path in (
        f"{cast.acme.pk}/2026-13/",
        f"{cast.acme.pk}/2001-01/",
        "nobody/2026-01/",
        f"{cast.alice.pk}/2026-01/",
    ):
        assert audrey.get(f"{MONTHS}{path}").status_code == 404, path
        assert audrey.post(f"{MONTHS}{path}").status_code in (404, 302), path
