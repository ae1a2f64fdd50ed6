"""The live tail: what is sealed is followed, through the filters, nothing twice and nothing missed."""

import httpx
import pytest
from django.utils import translation

from accounts import audit
from accounts.audit import Target, sealing
from accounts.errors import Invalid
from accounts.models import AuditEvent
from accounts.tenancy import scope
from projects.audit_tail import _filters, line, sealed_after
from tests.cast import Cast
from tests.engines.fixtures import become
from tests.loop.fixtures import Team
from tests.loop.running import Portal


def _look(cast: Cast, leaf: int, query: str = "") -> tuple[int, list[str]]:
    with become("system"):
        sealing.seal_all()
    with scope(cast.acme.pk):
        pieces = sealed_after(leaf, _filters(query))
    return (pieces[-1][0] if pieces else leaf), [text for _seq, text in pieces if text]


def test_a_reader_who_comes_back_misses_nothing_and_sees_nothing_twice(cast: Cast) -> None:
    place, first = _look(cast, 0)
    assert any("account.open" in text for text in first)
    assert _look(cast, place) == (place, [])
    for number in range(3):
        with cast.inside("mia"):
            audit.record("dataset.preview", Target("dataset", str(number), f"lake\n{number}"))
    following, lines = _look(cast, place)
    assert [text.split("  ")[1:4] for text in lines] == [
        ["mia", "dataset.preview", f"lake {number}"] for number in range(3)
    ], "a line break in a name makes no line of its own"
    assert _look(cast, following - 1)[1] == lines[2:]


def test_what_does_not_match_is_passed_over(cast: Cast) -> None:
    place, _lines = _look(cast, 0)
    with cast.inside("mia"):
        audit.record("dataset.preview")
        audit.record("model.alias")
        audit.record("dataset.download", outcome="denied")
    following, lines = _look(cast, place, "action=dataset.*&outcome=ok")
    assert [text.split("  ")[2] for text in lines] == ["dataset.preview"]
    assert following == place + 3
    assert _look(cast, following, "action=dataset.*&outcome=ok") == (following, [])


def test_another_accounts_records_are_not_followed(cast: Cast) -> None:
    place, _lines = _look(cast, 0)
    with cast.inside("charlie", cast.globex):
        audit.record("dataset.preview")
    assert _look(cast, place) == (place, [])


@pytest.mark.parametrize(
    "query", ["since=2026-01-01T00:00:00Z", "period=7d", "who=mia", "actor=a&actor=b", "outcome=x"]
)
def test_filters_that_make_no_sense_are_refused(query: str) -> None:
    with pytest.raises(Invalid):
        _filters(query)


def test_a_line_says_on_whose_behalf(cast: Cast) -> None:
    event = AuditEvent(
        actor_label="nightly", on_behalf_of="mia", action="a.b", outcome="ok", via="api", ip="::1"
    )
    with cast.inside("mia"):
        event.at = audit.record("x.y").at
    assert "nightly → mia  a.b  ok  api  ::1\n" in line(event)


def test_the_page_carries_the_searchs_filters_on(cast: Cast) -> None:
    page = cast.client("stella").get(
        f"/projects/{cast.acme.slug}/audit/live/?action=dataset.*&outcome=denied&period=7d"
    )
    html = page.content.decode()
    events = f"/api/v1/projects/{cast.acme.slug}/audit-log/events"
    assert f"{events}?action=dataset.%2A&amp;outcome=denied&amp;words=true" in html
    assert cast.client("bob").get(page.request["PATH_INFO"]).status_code == 403


def test_a_whole_portal_streams_records_as_they_come(portal: Portal, team: Team) -> None:
    address = f"{portal.url}/api/v1/projects/{team.slug}/audit-log/events?action=dataset.create"
    token = {"Authorization": f"Bearer {team.tokens['owner']}"}
    with httpx.stream("GET", address, headers=token, timeout=30) as stream:
        assert stream.status_code == 200
        team.scientist.post("datasets", {"name": "followed"})
        for text in stream.iter_lines():
            if text.startswith("data:") and "followed" in text:
                break
        else:
            raise AssertionError("the stream ended without the record")
    assert httpx.get(f"{address}&since=x", headers=token).status_code == 400
    assert httpx.get(address, headers={"Authorization": f"Bearer {team.tokens['viewer']}"}).status_code == 403


def test_a_line_in_words_keeps_the_code(cast: Cast) -> None:
    place, _lines = _look(cast, 0)
    with cast.inside("mia"):
        audit.record("dataset.download", Target("dataset", "1", "lake"), outcome="denied")
        audit.record("of.another.version")
    with translation.override("ko"):
        following, lines = _look(cast, place, "words=true")
        assert [text.split("  ")[1:5] for text in lines] == [
            ["mia", "데이터셋 내려받기 (dataset.download)", "lake", "거부됨"],
            ["mia", "of.another.version", "허용됨", "API\n"],
        ]
        assert _look(cast, following - 2, "")[1][0].split("  ")[2] == "dataset.download", (
            "as recorded, unless asked"
        )
