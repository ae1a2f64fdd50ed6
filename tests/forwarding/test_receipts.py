"""Receipts leave regularly, by mail and through targets; each is the file that `verify --since` takes."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEvent, User
from accounts.tenancy import scope
from projects.actions.forwarding import add_forward, add_platform_forward
from projects.models import AuditForward, PlatformForward
from tests.approvals.conftest import Mailbox, mailbox
from tests.audit.conftest import seal
from tests.cast import Cast
from tests.engines.fixtures import become
from tests.forwarding.conftest import SECRET, again, now, webhook, work, write
from tests.forwarding.receivers import WebReceiver

__all__ = ["mailbox"]


def attachments(mailbox: Mailbox) -> list[Any]:
    """The files of every letter."""
    return [part for letter in mailbox.letters for part in letter.iter_attachments()]


def verify(file: Path, *more: str) -> None:
    """What an auditor runs with a receipt; raises where something is wrong."""
    with become("system"):
        call_command("audit", "verify", "--since", str(file), *more, verbosity=0)


def test_a_projects_receipt_comes_by_mail_and_verifies_unchanged(
    committed_cast: Cast, mailbox: Mailbox, tmp_path: Path
) -> None:
    cast = committed_cast
    with cast.inside("alice") as grant:
        made = add_forward(
            grant, name="notary", kind="mail", address="a@fab.example, b@fab.example", receipts="daily"
        )
    write(cast.acme.account_id, 3)
    work()
    assert [letter["to"] for letter in mailbox.letters] == ["a@fab.example, b@fab.example"]
    found = attachments(mailbox)
    assert len(found) == 1
    document = json.loads(found[0].get_content())
    assert found[0].get_filename() == f"audit-receipt-{document['log']}-{document['sequence']}.json"
    file = tmp_path / "receipt.json"
    file.write_bytes(found[0].get_content())
    write(cast.acme.account_id, 3)
    verify(file, "--account", cast.acme.slug)
    row = now(cast, made.pk)
    assert row.receipt_sent_at is not None
    assert row.receipt_at - row.receipt_sent_at == timedelta(days=1)
    work()
    assert len(mailbox.letters) == 1, "one a day, and no events"
    with scope(cast.acme.account_id):
        sent = AuditEvent.objects.filter(action="audit.receipt.sent")
        assert [event.detail["sequence"] for event in sent] == [document["sequence"]]
        AuditForward.objects.update(receipt_at=timezone.now())
    work()
    assert len(mailbox.letters) == 2


def test_the_platforms_receipt_names_every_log_and_goes_through_a_webhook(
    committed_cast: Cast, web: WebReceiver, mailbox: Mailbox, tmp_path: Path
) -> None:
    write(committed_cast.acme.account_id, 2)
    options: dict[str, Any] = {"receipts": "weekly", "every_log": True}
    with audit.acting_as(audit.Actor("user", "u-0", "root"), via="api"):
        add_platform_forward(
            "root", name="soc", kind="webhook", address=web.url, secret=SECRET, events=False, **options
        )
        add_platform_forward("root", name="notary", kind="mail", address="n@fab.example", **options)
    seal()
    work()
    assert [event["type"] for event in web.events] == ["mlops-portal.audit.receipt"]
    letter = json.loads(attachments(mailbox)[0].get_content())
    for number, receipt in enumerate((web.events[0]["data"], letter)):
        assert receipt["kind"] == "global"
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(receipt))
        verify(file)


def test_a_receipt_that_did_not_arrive_is_sent_again(
    committed_cast: Cast, web: WebReceiver, mailbox: Mailbox
) -> None:
    cast = committed_cast
    mailbox.answers += ["451 later"]
    web.answers += [500]
    with cast.inside("alice") as grant:
        mail = add_forward(grant, name="notary", kind="mail", address="a@fab.example", receipts="weekly")
    hook = webhook(cast, web, receipts="daily")
    work()
    assert mailbox.letters == []
    for pk in (mail.pk, hook.pk):
        row = now(cast, pk)
        assert (row.failures, row.receipt_sent_at) == (1, None)
        assert row.problem
    again(cast)
    work()
    assert len(attachments(mailbox)) == 1
    assert [e["type"] for e in web.events].count("mlops-portal.audit.receipt") == 1
    assert now(cast, hook.pk).failures == 0


def test_admins_are_told_by_mail_when_the_platforms_target_has_failed_for_an_hour(
    committed_cast: Cast, web: WebReceiver, mailbox: Mailbox
) -> None:
    User.objects.filter(username="root").update(email="root@fab.example", language="ko")
    with audit.acting_as(audit.Actor("user", "u-0", "root"), via="api"):
        add_platform_forward(
            "root", name="soc", kind="webhook", address=web.url, secret=SECRET, begin="beginning"
        )
    seal()
    web.answers += [503] * 3
    for _try in range(3):
        PlatformForward.objects.update(
            next_at=timezone.now(), failing_since=timezone.now() - timedelta(minutes=61)
        )
        work(2)
    assert [letter["to"] for letter in mailbox.letters] == ["root@fab.example"], "once"
    assert "“soc”" in mailbox.letters[0]["subject"]
    assert "닿지 않습니다" in mailbox.letters[0]["subject"], "in their language"
    seal()
    PlatformForward.objects.update(next_at=timezone.now())
    work(2)
    assert "audit.forward.failing" in {event["data"]["row"]["action"] for event in web.events}
