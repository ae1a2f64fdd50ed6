"""A project's log goes to a webhook: in order, at least once, whatever the receiver and the worker do."""

import base64
import hashlib
import hmac
import time
from datetime import timedelta

from django.utils import timezone, translation

from accounts.audit.verify_export import COLUMNS, canonical, leaf_hash
from accounts.models import Account, AuditEvent
from accounts.tenancy import scope
from projects import tasks as projects_tasks
from projects.actions import forwarding as actions
from projects.forwarding import sweep
from projects.models import AuditForward, Notice
from tests.cast import Cast
from tests.engines.fixtures import become
from tests.forwarding.conftest import SECRET, again, now, webhook, work, write
from tests.forwarding.receivers import WebReceiver


def test_events_come_in_the_order_of_sealing_signed_and_with_what_proves_them(
    committed_cast: Cast, web: WebReceiver
) -> None:
    cast = committed_cast
    write(cast.globex.account_id, 3)
    made = webhook(cast, web, begin="beginning")
    write(cast.acme.account_id, 7, reason="é\t웨이퍼")
    assert work() == len(web.events)
    log = str(cast.acme.account_id)
    assert web.indexes() == list(range(len(web.events)))
    assert {event["data"]["log"] for event in web.events} == {log}, "nothing of another account"
    for event in web.events:
        row = event["data"]["row"]
        assert leaf_hash(canonical([row[name] for name in COLUMNS])).hex() == event["data"]["leaf"]
        assert event["id"] == row["id"]
        assert event["specversion"] == "1.0"
        assert event["source"].endswith(f"/audit-log/{log}")
        assert event["type"] == f"mlops-portal.audit.{row['action']}"
    assert [e["type"] for e in web.events].count("mlops-portal.audit.dataset.download") == 7
    headers, body = web.headers[0], web.bodies[0]
    assert headers["content-type"] == "application/cloudevents-batch+json"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.digest(SECRET.encode(), signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    row = now(cast, made.pk)
    assert row.next_index == len(web.events)
    assert row.delivered_at is not None
    assert work() == 0, "nothing is sent twice without need"


def test_from_now_on_leaves_the_past_where_it_is(committed_cast: Cast, web: WebReceiver) -> None:
    write(committed_cast.acme.account_id, 5)
    made = webhook(committed_cast, web)
    write(committed_cast.acme.account_id, 2)
    work()
    types = [event["type"].removeprefix("mlops-portal.audit.") for event in web.events]
    assert types == ["audit.forward.add", "dataset.download", "dataset.download"]
    assert now(committed_cast, made.pk).next_index == web.indexes()[-1] + 1


def test_a_receiver_that_fails_slows_and_breaks_off_gets_everything_in_the_end(
    committed_cast: Cast, web: WebReceiver
) -> None:
    cast = committed_cast
    made = webhook(cast, web, begin="beginning")

    def slow() -> int:
        time.sleep(6)
        return 204

    for answer in (500, 0, 302, slow):
        web.answers.append(answer)
        write(cast.acme.account_id, 3)
        assert work() == 0
        row = now(cast, made.pk)
        assert row.next_index == 0
        assert row.problem
        assert row.next_at > timezone.now(), "it waits before the next try"
        assert work() == 0
        again(cast)
    assert now(cast, made.pk).failures == 4
    time.sleep(1.5)  # the slow answer counts for nobody
    web.batches.clear()
    sent = work()
    assert web.indexes() == list(range(sent))
    assert sent >= 12
    row = now(cast, made.pk)
    assert (row.failures, row.problem, row.failing_since) == (0, "", None)


def test_after_hours_of_silence_owners_are_told_once_and_nothing_is_missing(
    committed_cast: Cast, web: WebReceiver
) -> None:
    cast = committed_cast
    made = webhook(cast, web, begin="beginning")
    web.answers += [503, 503, 503]
    work()
    with scope(cast.acme.account_id):
        assert not Notice.objects.filter(kind="audit.forward.failing").exists()
        long_ago = timezone.now() - timedelta(hours=1, minutes=1)
        AuditForward.objects.filter(pk=made.pk).update(failing_since=long_ago)
    for _turn in range(2):
        again(cast)
        work()
    with scope(cast.acme.account_id):
        notices = list(Notice.objects.filter(kind="audit.forward.failing"))
        assert len(notices) == 1, "once, not at every try"
        assert "503" in notices[0].text
        told = set(notices[0].recipients.values_list("user__username", flat=True))
        assert told == {"alice", "mia"}
        assert AuditEvent.objects.filter(action="audit.forward.failing", outcome="failed").count() == 1
    write(cast.acme.account_id, 450)
    again(cast)
    work()
    assert web.indexes() == list(range(now(cast, made.pk).next_index))
    assert len(web.batches) >= 3, "in batches"
    with scope(cast.acme.account_id):
        assert AuditEvent.objects.filter(action="audit.forward.recovered").count() == 1


def test_a_paused_target_a_suspended_account_and_a_removed_target_get_nothing(
    committed_cast: Cast, web: WebReceiver
) -> None:
    cast = committed_cast
    made = webhook(cast, web, begin="beginning")
    with cast.inside("alice"):
        actions.pause(made)
    write(cast.acme.account_id, 2)
    assert work() == 0
    with cast.inside("alice"):
        actions.resume(made)
        Account.objects.filter(pk=cast.acme.account_id).update(state="suspended")
    assert work() == 0
    assert web.asked == 0
    with cast.inside("alice"):
        Account.objects.filter(pk=cast.acme.account_id).update(state="active")
    assert work() > 2
    with cast.inside("alice"):
        actions.remove(now(cast, made.pk))
    asked = web.asked
    write(cast.acme.account_id, 2)
    assert work() == 0
    assert web.asked == asked


def test_a_failing_target_does_not_hold_up_another(committed_cast: Cast, web: WebReceiver) -> None:
    cast = committed_cast
    bad = WebReceiver()
    server = bad.start()
    bad.answers += [500] * 20
    for number in range(4):
        webhook(cast, bad, name=f"bad {number}", begin="beginning")
    good = webhook(cast, web, name="good", begin="beginning")
    work()
    work()
    for _round in range(3):
        again(cast)
        write(cast.acme.account_id, 1)
        work(2)
        assert now(cast, good.pk).next_index == len(web.events), "the healthy one is always up to date"
    server.shutdown()
    server.server_close()


def test_a_trial_says_how_it_went_and_is_no_event_of_the_log(committed_cast: Cast, web: WebReceiver) -> None:
    cast = committed_cast
    made = webhook(cast, web)
    work()
    with cast.inside("alice"):
        actions.pause(made)
        actions.try_out(made)
    before = now(cast, made.pk).next_index
    work()
    row = now(cast, made.pk)
    assert row.tested_at is not None
    assert (row.test_problem, row.next_index) == ("", before), "tried while it is paused, and nothing moved"
    assert web.events[-1]["type"] == "mlops-portal.audit.test"
    web.answers.append(401)
    with cast.inside("alice"):
        actions.try_out(made)
    work()
    assert "401" in now(cast, made.pk).test_problem


def test_what_went_wrong_is_told_in_the_language_of_who_set_it_up(
    committed_cast: Cast, web: WebReceiver
) -> None:
    cast = committed_cast
    web.answers += [503, 503]
    with translation.override("ko"):
        made = webhook(cast, web, begin="beginning")
    with cast.inside("alice"):
        actions.try_out(made)
    work()
    row = now(cast, made.pk)
    assert (row.problem, row.test_problem) == ("받는 쪽이 503(으)로 답했습니다.",) * 2


def test_who_failed_has_a_thread_alone_and_the_healthy_share_the_others(
    committed_cast: Cast, web: WebReceiver
) -> None:
    cast = committed_cast
    made = [webhook(cast, web, name=f"{number:02}", begin="beginning") for number in range(12)]
    with scope(cast.acme.account_id):
        AuditForward.objects.filter(name__lt="03").update(failures=1)
    with become("system"):
        found = sweep.lanes()
    failing = {row.pk for row in made[:3]}
    assert sorted(len(lane) for lane in found) == [1, 1, 4, 5], (
        "two of three that failed, and nine others in two lists"
    )
    assert all(len(lane) == 1 for lane in found if {pk for _kind, _account, pk in lane} & failing)
    assert len({pk for lane in found for _kind, _account, pk in lane}) == 11
    write(cast.acme.account_id, 1)
    with become("system"):
        sent = projects_tasks.forward_audit([[kind, str(account), str(pk)] for kind, account, pk in found[0]])
    assert sent >= 13 * len(found[0])
    with scope(cast.acme.account_id):
        AuditForward.objects.filter(name__gt="07").update(lease_until=timezone.now() + timedelta(seconds=9))
    with become("system"):
        assert sweep.lanes() == [], "four threads are at it"
