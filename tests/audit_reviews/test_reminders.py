"""A review that is overdue is told to auditors: once, and not for accounts that are not active."""

from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction

from accounts.models import Account, AuditEvent, User
from accounts.tenancy import platform_scope, scope
from projects.models import AuditReview, NoticeDelivery, NoticeRecipient
from projects.reviews import reminders
from projects.reviews.months import Month
from projects.tasks import remind_of_reviews
from tests.audit_reviews.test_review import _looked_at, _post, _seal, _url
from tests.cast import Cast
from tests.engines.fixtures import become

# Late on every day of every month.
LATE = Month.current().before.before


@pytest.fixture
def late(cast: Cast) -> Month:
    """Acme was there in a month whose review is overdue; so was the platform's log."""
    with become("owner"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_account SET created_at = %s WHERE id = %s", [LATE.start, cast.acme.account_id]
        )
    return LATE


def _remind() -> int:
    with become("system"):
        done: int = remind_of_reviews()
    return done


def _told(cast: Cast) -> list[tuple[str, str, str]]:
    with scope(cast.acme.account_id):
        rows = NoticeRecipient.objects.filter(notice__kind=reminders.NOTICE).select_related("notice", "user")
        rows = rows.filter(notice__values__month=str(LATE))
        return [(row.user.username, row.notice.title, row.notice.link) for row in rows]


def test_auditors_are_told_once_and_led_to_the_review(cast: Cast, late: Month) -> None:
    assert _remind() >= 1
    link = f"/audit-room/review/{cast.acme.account_id}/{late}/"
    assert _told(cast) == [("audrey", f"The review of Acme for {late} is overdue", link)]
    audrey = cast.client("audrey")
    assert audrey.get(link).status_code == 200
    inbox = audrey.get("/api/v1/notifications").json()["results"]
    assert link in [one["link"] for one in inbox]
    assert _remind() == 0
    assert len(_told(cast)) == 1, "not again and again"
    assert _post(audrey, _url(cast, late)).status_code == 200
    assert _remind() == 0, "nor because it was begun"
    with scope(cast.acme.account_id):
        event = AuditEvent.objects.get(action="review.overdue", target_id=str(late))
        assert (event.actor_kind, event.detail["told"]) == ("system", ["audrey"])
        assert event.detail["due"] == late.due.isoformat()
        assert not NoticeDelivery.objects.filter(channel="webhook").exists()


@pytest.mark.parametrize("state", ["suspended", "closing", "closed"])
def test_nothing_is_said_of_an_account_that_is_not_active(cast: Cast, late: Month, state: str) -> None:
    with scope(cast.acme.account_id):
        Account.objects.update(state=state)
    _remind()
    assert _told(cast) == []


def test_nothing_is_said_of_what_is_signed(cast: Cast, late: Month) -> None:
    audrey = cast.client("audrey")
    _looked_at(audrey, cast, late)
    _seal()
    assert _post(audrey, f"{_url(cast, late)}/sign-off", {"note": "Fine."}).status_code == 200
    _remind()
    assert _told(cast) == []
    with scope(cast.acme.account_id):
        assert AuditReview.objects.get(month=late.first).state == "signed"


def test_without_auditors_it_waits_until_there_is_one(cast: Cast, late: Month) -> None:
    with become("owner"):
        User.objects.filter(username="audrey").update(is_active=False)
    assert _remind() == 0
    with become("owner"):
        User.objects.filter(username="audrey").update(is_active=True)
    _remind()
    assert [who for who, _title, _link in _told(cast)] == ["audrey"]


def test_a_month_before_the_account_is_not_missed(cast: Cast) -> None:
    _remind()
    assert _told(cast) == []


def test_of_the_platforms_own_log_auditors_are_told_by_mail_once(
    cast: Cast, late: Month, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.EMAIL_ON = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with become("owner"):
        User.objects.filter(username="audrey").update(email="audrey@fab.example", language="ko")
    for _time in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            _remind()
    letters = [letter for letter in mail.outbox if f"/audit-room/review/platform/{late}/" in letter.body]
    assert [letter.to for letter in letters] == [["audrey@fab.example"]]
    assert str(late) in letters[0].subject
    with platform_scope("auditor"):
        events = AuditEvent.objects.filter(action="review.overdue", target_id=str(late), account_id=None)
        assert events.count() == 1


def test_two_sweeps_at_once_tell_once(cast: Cast, late: Month) -> None:
    with become("system"), platform_scope("auditor"):
        seen = reminders._late()
    assert (cast.acme.account_id, late) in seen
    auditors = [cast.audrey]
    with become("system"), transaction.atomic():
        from accounts import audit

        with audit.acting_as(audit.SYSTEM, via="task"):
            first = reminders._notify(cast.acme.account_id, late, auditors)
            second = reminders._notify(cast.acme.account_id, late, auditors)
    assert (first, second) == (True, False)
    assert len(_told(cast)) == 1
