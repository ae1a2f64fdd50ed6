"""The access report's pages: of one's own project, and in the audit room of every account."""

from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEvent
from accounts.tenancy import platform_scope, scope
from projects.access_report.report import make_report
from projects.actions.members import add_member, change_role
from projects.actions.roles import make_role
from registry.datasets.actions.datasets import create_dataset
from registry.datasets.actions.sensitivity import set_sensitivity
from tests.cast import Cast

MOST_QUERIES = 15


def _page(client: Client, path: str) -> str:
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path)
    assert response.status_code == 200, response.content[:300]
    plain = [q for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]
    assert len(plain) <= MOST_QUERIES, (path, [q["sql"][:120] for q in plain])
    return unescape(response.content.decode())


@pytest.fixture
def changed(cast: Cast) -> Cast:
    """Somebody came, and was given another role."""
    with cast.inside() as grant:
        member = add_member(grant, "charlie", "viewer")
        change_role(grant, member, "scientist")
    return cast


def test_the_report_of_ones_own_project(changed: Cast) -> None:
    base = f"/projects/{changed.acme.slug}/audit"
    stella = changed.client("stella")
    assert f"{base}/report/" in _page(stella, f"{base}/")
    page = _page(stella, f"{base}/report/")
    for text in (
        "charlie",
        "member.role",
        "came",
        "<strong>Scientist</strong>",
        "access-report/export?from=",
    ):
        assert text in page, text
    with scope(changed.acme.pk):
        assert AuditEvent.objects.filter(action="report.read").count() == 1
    assert changed.client("bob").get(f"{base}/report/").status_code == 403


def test_the_report_of_any_account_in_the_audit_room(changed: Cast) -> None:
    audrey = changed.client("audrey")
    assert f"/audit-room/reports/{changed.acme.pk}/" in _page(audrey, "/audit-room/reports/")
    page = _page(audrey, f"/audit-room/reports/{changed.acme.pk}/")
    assert "charlie" in page
    assert audrey.get(f"/audit-room/reports/{changed.alice.pk}/").status_code == 404
    with platform_scope("auditor"):
        assert AuditEvent.objects.filter(action="report.read", account_id__isnull=True).count() == 1


@pytest.mark.parametrize(
    "query", ["since=x", "since=9999-01-01", "since=2026-02-02&until=2026-02-01", "until=0000-01-01"]
)
def test_a_period_that_is_none_is_said_so(changed: Cast, query: str) -> None:
    client = changed.client("stella")
    response = client.get(f"/projects/{changed.acme.slug}/audit/report/?{query}")
    assert response.status_code in (200, 400)
    assert b"invalid-feedback" in response.content or response.status_code == 400


def test_long_periods_are_counted_by_the_month(changed: Cast) -> None:
    path = f"/projects/{changed.acme.slug}/audit/report/?since=2020-01-01"
    assert f'"{timezone.now():%Y-%m}"' in _page(changed.client("stella"), path)


def test_a_log_that_does_not_reach_back_says_so(changed: Cast) -> None:
    """As after a year or two, when the month in which the account was opened has been disposed of."""
    from tests.engines.fixtures import become

    with become("owner"), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditevent DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM accounts_auditevent WHERE action = 'account.open'")
        cursor.execute("ALTER TABLE accounts_auditevent ENABLE ALWAYS TRIGGER append_only")
        cursor.execute("ALTER TABLE accounts_auditevent ENABLE ALWAYS TRIGGER enqueue")
    page = _page(changed.client("stella"), f"/projects/{changed.acme.slug}/audit/report/")
    assert "does not reach back" in page


def test_a_report_is_in_words(changed: Cast) -> None:
    with changed.inside() as grant:
        maps = create_dataset(grant, "maps")
        set_sensitivity(grant, maps, "confidential", "A customer's.")
        make_role(grant, name="labeller", permissions=["dataset.read"])
    stella = changed.client("stella")
    stella.cookies["django_language"] = "ko"
    page = _page(stella, f"/projects/{changed.acme.slug}/audit/report/")
    assert '<del class="dim">내부</del> → <strong>기밀</strong>' in page
    assert "maps (기밀)" in page
    assert "데이터셋의 파일과 열 보기" in page, "what the role may do"
    for raw in ("confidential", "internal", "None", "True"):
        assert f">{raw}<" not in page, raw
        assert f"</span> {raw}<" not in page, raw


def test_opening_a_page_is_no_change(changed: Cast) -> None:
    """The door calls the page that deletes a dataset as the deletion is called."""
    with changed.inside() as grant:
        create_dataset(grant, "maps")
    page = f"/projects/{changed.acme.slug}/datasets/maps/delete/"
    assert changed.client("alice").get(page).status_code == 200
    with scope(changed.acme.pk):
        assert AuditEvent.objects.filter(action="dataset.delete").exists()
        actions = [event.action for event in make_report(changed.acme.pk).changes]
    assert "dataset.create" in actions
    assert "dataset.delete" not in actions
