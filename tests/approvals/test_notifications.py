"""Notices: durable rows, a bell, mail over SMTP, signed webhooks, retried until they arrive or are given up."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import gettext_noop as noop

from accounts.actions.credentials import create_credential
from accounts.models import User
from accounts.tenancy import scope
from projects import delivery
from projects.actions.notifications import add_webhook, change_preferences, try_webhook
from projects.models import Notice, NoticeDelivery, NoticeRecipient, Operation, State, Webhook
from projects.notifications import DELIVER, notify
from projects.operations import work
from tests.approvals.conftest import Mailbox, Receiver
from tests.cast import Cast, events

KIND = "webhook.test"
SECRET = "0123456789abcdef-shared"


def tell(cast: Cast, recipients: Any, **options: Any) -> Notice | None:
    with cast.inside("alice"):
        return notify(
            cast.acme.account_id,
            KIND,
            noop("A trial of the webhook “%(name)s”"),
            noop("%(who)s has asked for it. Nothing else has happened."),
            recipients=recipients,
            values={"name": "fab", "who": "alice"},
            link="/projects/x/",
            **options,
        )


def addressed(cast: Cast, name: str, language: str = "en") -> User:
    user = cast.people[name]
    user.email, user.language = f"{name}@fab.example", language
    user.save(update_fields=["email", "language"])
    return user


def step(cast: Cast) -> Operation:
    """Take the delivery's next step as if its time had come."""
    with scope(cast.acme.account_id):
        past = timezone.now() - timedelta(seconds=1)
        operation = Operation.objects.filter(kind=DELIVER).latest("id")
        Operation.objects.filter(pk=operation.pk).update(run_after=past)
        NoticeDelivery.objects.filter(state="pending").update(next_at=past)
    work.run(cast.acme.account_id, operation.pk)
    with scope(cast.acme.account_id):
        return Operation.objects.get(pk=operation.pk)


def hook(cast: Cast, receiver: Receiver, kinds: list[str] | None = None) -> Webhook:
    with cast.inside("alice") as grant:
        secret = create_credential("hook", "webhook", {"secret": SECRET}, by="alice")
        return add_webhook(grant, name="chat", url=receiver.url, credential=secret.pk, kinds=kinds)


def test_everybody_with_a_permission_is_told_but_who_is_left_out(cast: Cast) -> None:
    tell(cast, "audit.read", exclude=[cast.mia.pk])
    with scope(cast.acme.account_id):
        told = set(NoticeRecipient.objects.values_list("user__username", flat=True))
    assert told == {"alice", "stella"}


def test_with_nobody_to_tell_nothing_is_written(cast: Cast) -> None:
    assert tell(cast, []) is None
    with scope(cast.acme.account_id):
        assert not Notice.objects.exists()
        assert not Operation.objects.exists()


def test_a_kind_that_nobody_registered_is_a_mistake(cast: Cast) -> None:
    with cast.inside("alice"), pytest.raises(LookupError):
        notify(cast.acme.account_id, "no.such", "x", recipients=[cast.bob.pk])


def test_the_bell_counts_and_the_page_reads(cast: Cast) -> None:
    tell(cast, [cast.bob.pk])
    bob = cast.client("bob")
    assert "1 unread notice" in bob.get("/notifications/badge/").content.decode()
    page = bob.get("/notifications/").content.decode()
    assert "A trial of the webhook “fab”" in page
    shown = bob.get("/api/v1/notifications?unread=true").json()["results"]
    assert [(row["project"], row["subject"]) for row in shown] == [
        (cast.acme.slug, "A trial of the webhook “fab”")
    ]
    opened = bob.post("/notifications/", {"read": shown[0]["id"], "next": "/projects/x/"})
    assert opened.headers["location"] == "/projects/x/"
    assert "unread" not in bob.get("/notifications/badge/").content.decode()
    assert bob.get("/api/v1/notifications?unread=true").json()["results"] == []


def test_a_notice_leads_nowhere_else(cast: Cast) -> None:
    for address in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        answer = cast.client("bob").post("/notifications/", {"next": address})
        assert answer.headers["location"] == "/notifications/"


def test_each_reader_gets_it_in_their_own_language(cast: Cast) -> None:
    tell(cast, [cast.bob.pk])
    shown = cast.client("bob").get("/api/v1/notifications", HTTP_ACCEPT_LANGUAGE="ko").json()["results"]
    assert shown[0]["subject"] == "웹훅 “fab” 시험"


def test_nobody_reads_or_marks_what_others_are_told(cast: Cast) -> None:
    tell(cast, [cast.bob.pk])
    for other in ("sam", "charlie", "root"):
        client = cast.client(other)
        assert client.get("/api/v1/notifications").json()["results"] == []
        assert client.post("/api/v1/notifications/read", {}, "application/json").json() == {"read": 0}
    with scope(cast.acme.account_id):
        assert NoticeRecipient.objects.get().read_at is None


def test_a_token_sees_only_its_own_projects_notices(cast: Cast) -> None:
    tell(cast, [cast.charlie.pk])
    elsewhere = cast.bearer("charlie", project=cast.globex)
    assert cast.client("").get("/api/v1/notifications", **elsewhere).json()["results"] == []
    assert len(cast.client("charlie").get("/api/v1/notifications").json()["results"]) == 1


def test_a_token_silences_nobody(cast: Cast) -> None:
    """What is mailed is of all projects: not for a token of one of them, which reads data and may have been lost."""
    url, header = "/api/v1/notification-preferences", cast.bearer("alice", scopes=["dataset.read"])
    answer = cast.client("").patch(url, {"mail": False}, "application/json", **header)
    assert (answer.status_code, answer.json()["code"]) == (403, "session.only")
    assert cast.client("alice").get(url).json()["mail"] is True
    assert cast.client("alice").patch(url, {"mail": False}, "application/json").json()["mail"] is False


def test_a_mail_arrives_in_the_readers_language(cast: Cast, mailbox: Mailbox) -> None:
    addressed(cast, "bob", "ko")
    addressed(cast, "sam")
    tell(cast, [cast.bob.pk, cast.sam.pk, cast.mia.pk])  # mia has no address
    assert step(cast).state == State.SUCCEEDED
    by = {letter["to"]: letter for letter in mailbox.letters}
    assert set(by) == {"bob@fab.example", "sam@fab.example"}
    assert by["sam@fab.example"]["subject"] == "A trial of the webhook “fab”"
    assert by["bob@fab.example"]["subject"] == "웹훅 “fab” 시험"
    assert "/projects/x/" in by["sam@fab.example"].get_content()
    assert by["sam@fab.example"]["auto-submitted"] == "auto-generated"


def test_who_wants_no_mail_of_a_kind_gets_none(cast: Cast, mailbox: Mailbox) -> None:
    bob, sam = addressed(cast, "bob"), addressed(cast, "sam")
    with cast.inside("alice"):
        change_preferences(bob, muted=[KIND])
        change_preferences(sam, mail=False)
    tell(cast, [bob.pk, sam.pk])
    with scope(cast.acme.account_id):
        assert not NoticeDelivery.objects.exists()
        assert NoticeRecipient.objects.count() == 2
    assert mailbox.letters == []


def test_a_mail_that_was_not_taken_is_sent_again_under_the_same_id(cast: Cast, mailbox: Mailbox) -> None:
    addressed(cast, "bob")
    tell(cast, [cast.bob.pk])
    mailbox.answers = ["451 try later"]
    waiting = step(cast)
    assert waiting.state == State.QUEUED
    assert waiting.run_after > timezone.now()
    with scope(cast.acme.account_id):
        row = NoticeDelivery.objects.get()
        assert (row.state, row.attempts) == ("pending", 1)
        assert row.problem
    assert step(cast).state == State.SUCCEEDED
    assert [letter["message-id"].split("@")[0] for letter in mailbox.letters] == [f"<{row.pk}"]


def test_a_mail_server_that_never_takes_it_is_given_up(cast: Cast, mailbox: Mailbox) -> None:
    addressed(cast, "bob")
    tell(cast, [cast.bob.pk])
    mailbox.answers = ["451 try later"] * 20
    for _ in range(delivery.ATTEMPTS):
        operation = step(cast)
    assert operation.state == State.FAILED
    assert "1 of 1" in operation.error
    assert len(mailbox.answers) == 20 - delivery.ATTEMPTS


def test_a_webhook_gets_an_event_that_it_can_check(cast: Cast, receiver: Receiver) -> None:
    hook(cast, receiver)
    notice = tell(cast, [cast.bob.pk])
    assert notice is not None
    assert step(cast).state == State.SUCCEEDED
    (post,) = receiver.posts
    event = json.loads(post.body)
    assert (event["specversion"], event["id"]) == ("1.0", str(notice.pk))
    assert event["type"] == "mlops-portal.notice.webhook.test"
    assert event["data"]["subject"] == "A trial of the webhook “fab”"
    assert post.headers["content-type"] == "application/cloudevents+json"
    signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    wanted = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert post.headers["webhook-signature"] == f"v1,{wanted}"
    assert SECRET.encode() not in post.body
    assert SECRET not in str(post.headers)


def test_a_receiver_that_fails_is_tried_again_with_the_same_id(cast: Cast, receiver: Receiver) -> None:
    hook(cast, receiver)
    tell(cast, [cast.bob.pk])
    receiver.answers = [500, 302]
    step(cast)
    step(cast)
    assert step(cast).state == State.SUCCEEDED
    assert len({post.headers["webhook-id"] for post in receiver.posts}) == 1
    assert [post.path for post in receiver.posts] == ["/hook"] * 3  # no redirect was followed


def test_a_receiver_that_is_gone_is_not_called_again(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast, receiver)
    tell(cast, [cast.bob.pk])
    receiver.answers = [410]
    assert step(cast).state == State.FAILED
    with scope(cast.acme.account_id):
        assert not Webhook.objects.get(pk=made.pk).enabled
    tell(cast, [cast.bob.pk])
    assert len(receiver.posts) == 1


def test_an_address_that_became_internal_is_not_called(cast: Cast, receiver: Receiver, settings: Any) -> None:
    hook(cast, receiver)
    tell(cast, [cast.bob.pk])
    settings.OUTBOUND_ALLOW = []
    step(cast)
    assert receiver.posts == []
    with scope(cast.acme.account_id):
        assert "127.0.0.1" in NoticeDelivery.objects.get().problem


def test_an_internal_address_is_refused_as_it_is_added(cast: Cast) -> None:
    client = cast.client("alice")
    with cast.inside("alice"):
        secret = create_credential("hook", "webhook", {"secret": SECRET}, by="alice")
    for url in ("http://169.254.169.254/latest", "https://127.0.0.1/x", "file:///etc/passwd"):
        body = {"name": "n", "url": url, "credential": str(secret.pk)}
        assert client.post(f"{cast.url}/webhooks", body, "application/json").status_code == 422, url


def test_a_webhook_hears_of_its_kinds_alone(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast, receiver, kinds=[])
    with scope(cast.acme.account_id):
        Webhook.objects.filter(pk=made.pk).update(kinds=["approval.asked"])
    tell(cast, [cast.bob.pk])
    with scope(cast.acme.account_id):
        assert not NoticeDelivery.objects.exists()
    with cast.inside("alice") as grant:
        made.refresh_from_db()
        try_webhook(grant, made)  # a trial goes to the one that is tried
    step(cast)
    assert len(receiver.posts) == 1


def test_delivery_needs_nobodys_permission(cast: Cast, receiver: Receiver) -> None:
    """Whoever caused a notice may have left by the time it is delivered."""
    from projects.models import Membership

    hook(cast, receiver)
    tell(cast, [cast.bob.pk])
    with scope(cast.acme.account_id):
        Membership.objects.filter(user=cast.alice).update(role="viewer")
    assert step(cast).state == State.SUCCEEDED


def test_webhooks_are_on_record_and_their_pages_work(cast: Cast, receiver: Receiver) -> None:
    alice = cast.client("alice")
    with cast.inside("alice"):
        secret = create_credential("hook", "webhook", {"secret": SECRET}, by="alice")
    page = f"/projects/{cast.acme.slug}/settings/webhooks/"
    wanted = {"name": "chat", "url": receiver.url, "credential": str(secret.pk), "kinds": [KIND]}
    assert alice.post(page, wanted).status_code == 302
    assert alice.post(page, wanted).status_code == 400  # the name is taken
    with scope(cast.acme.account_id):
        made = Webhook.objects.get()
    for do in ("test", "disable", "enable", "remove"):
        assert alice.post(f"{page}{made.pk}/", {"do": do}).status_code == 302
    seen = [action for action, _outcome, _who in events(cast.acme.account_id, action__startswith="webhook.")]
    assert [action for action in seen if action != "webhook.manage"] == [
        "webhook.add",
        "webhook.try",
        "webhook.disable",
        "webhook.enable",
        "webhook.remove",
    ]
    assert SECRET not in alice.get(page).content.decode()
