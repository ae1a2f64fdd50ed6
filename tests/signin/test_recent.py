"""Dangerous actions ask for a fresh proof: of a session's person, never of a token."""

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from accounts.errors import Forbidden
from accounts.models import AuditEvent
from accounts.recent import STALE, require_recent
from accounts.tenancy import platform_scope
from portal.problems import render_problem
from tests.cast import PASSWORD, Cast


def request_of(cast: Cast, *, signed_in: float, method: str = "GET", **headers: str) -> HttpRequest:
    """A request in alice's session, which was confirmed so many seconds ago."""
    request = RequestFactory().generic(method, "/x/?y=1", **headers)
    request.user, request.session = cast.alice, cast.client("alice", signed_in=signed_in).session
    return request


def outcomes() -> list[str]:
    with platform_scope("auditor"):
        found = AuditEvent.objects.filter(action="user.sign_in_again").order_by("at")
        return list(found.values_list("outcome", flat=True))


@pytest.mark.parametrize(("age", "seconds", "passes"), [(0, 300, True), (290, 300, True), (310, 300, False),
                                                        (20, 10, False), (-60, 300, False)])  # fmt: skip
def test_a_proof_counts_for_as_long_as_was_asked(cast: Cast, age: float, seconds: int, passes: bool) -> None:
    request = request_of(cast, signed_in=age)
    if passes:
        require_recent(request, seconds)
    else:
        with pytest.raises(Forbidden) as refused:
            require_recent(request, seconds)
        assert refused.value.code == STALE


def test_a_request_with_a_token_never_passes_whatever_session_it_also_carries(cast: Cast) -> None:
    bearer = cast.bearer("alice")
    with pytest.raises(Forbidden):
        require_recent(request_of(cast, signed_in=0, **bearer))


def test_a_page_leads_to_the_proof_and_back(cast: Cast) -> None:
    refused = Forbidden(STALE, "stale")
    page = render_problem(request_of(cast, signed_in=0), refused)
    assert (page.status_code, page["Location"]) == (302, "/sign-in/again/?next=%2Fx%2F%3Fy%3D1")
    sent = request_of(cast, signed_in=0, method="POST", HTTP_REFERER="http://testserver/from/?a=b")
    assert render_problem(sent, refused)["Location"] == "/sign-in/again/?next=%2Ffrom%2F%3Fa%3Db"
    foreign = request_of(cast, signed_in=0, method="POST", HTTP_REFERER="http://evil.example/from/")
    assert render_problem(foreign, refused)["Location"] == "/sign-in/again/?next=%2Fx%2F"
    part = render_problem(request_of(cast, signed_in=0, HTTP_HX_REQUEST="true"), refused)
    assert (part.status_code, part["HX-Redirect"]) == (403, "/sign-in/again/?next=%2Fx%2F%3Fy%3D1")


def test_the_proof_is_the_password_and_gives_the_session_a_fresh_key(cast: Cast) -> None:
    client = cast.client("alice", signed_in=3600)
    before = client.session.session_key
    url = "/sign-in/again/?next=/me/"
    assert client.get(url).status_code == 200
    assert client.post(url, {"password": "wrong wrong wrong"}).status_code == 401
    answer = client.post(url, {"password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/me/")
    assert client.session.session_key != before
    request = RequestFactory().get("/")
    request.user, request.session = cast.alice, client.session
    require_recent(request)
    assert outcomes() == ["failed", "ok"]


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1"]
)
def test_nobody_is_sent_elsewhere_by_it(cast: Cast, wanted: str) -> None:
    answer = cast.client("alice").post("/sign-in/again/", {"password": PASSWORD, "next": wanted})
    assert answer["Location"] == "/"


def test_signing_in_is_such_a_proof(cast: Cast) -> None:
    client = cast.client("")
    client.post("/sign-in/", {"username": "alice", "password": PASSWORD})
    request = RequestFactory().get("/")
    request.user, request.session = cast.alice, client.session
    require_recent(request, 5)
