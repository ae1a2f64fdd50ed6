"""Links under terms: asked for, decided on, ended; on both sides' record or on neither's; held by the database too."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from accounts.actions.credentials import create_credential
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import Account, AuditEvent, TrustLink
from accounts.tenancy import scope
from projects.actions import links
from projects.models import ApprovalRequest, Membership, Project
from projects.tasks import announce_requests, expire_links
from tests.accounts_credentials.material import secrets
from tests.cast import Cast, events
from tests.engines.fixtures import become
from tests.identity.test_api import post

# Acme is a general account, Globex a trusted one.


def offer(cast: Cast, **terms: Any) -> tuple[TrustLink, str]:
    with cast.inside("charlie", cast.globex) as grant:
        return links.invite(grant, {"note": "two GPUs", **terms})


def claimed(cast: Cast, **terms: Any) -> TrustLink:
    link, code = offer(cast, **terms)
    with cast.inside("alice") as grant:
        assert links.claim(grant, code) == link.pk
    return link


def active(cast: Cast, **terms: Any) -> TrustLink:
    link = claimed(cast, **terms)
    with cast.inside("charlie", cast.globex) as grant:
        return links.approve(grant, links.find_link(link.pk))


def seen(cast: Cast) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What Acme's and Globex's logs say was done to links, with who did it."""

    def done(project: Project) -> list[tuple[str, str]]:
        return [
            (action, who)
            for action, outcome, who in events(project.pk)
            if action.startswith("link.") and action != "link.read" and outcome == "ok"
        ]

    return done(cast.acme), done(cast.globex)


def test_a_link_goes_from_offer_to_end_and_both_sides_have_it_on_record(cast: Cast) -> None:
    lender, borrower = f"/api/v1/projects/{cast.globex.slug}", cast.url
    charlie, alice = cast.client("charlie"), cast.client("alice")
    terms = {"note": "two GPUs", "namespace": "fab-*", "quota": {"gpu": 2}, "permissions": ["storage.read"]}
    made = post(charlie, f"{lender}/links", {"terms": terms})
    assert made.status_code == 201, made.content
    code, pk = made.json()["code"], made.json()["id"]
    assert alice.get(f"{borrower}/links/{pk}").status_code == 404, "an offer is the lender's alone"
    assert code not in charlie.get(f"{lender}/links").content.decode()
    asked = post(alice, f"{borrower}/links/claim", {"code": code})
    assert (asked.status_code, asked.json()["state"], asked.json()["side"]) == (202, "requested", "borrower")
    assert post(alice, f"{borrower}/links/claim", {"code": code}).status_code == 404, "a code works once"
    assert post(alice, f"{borrower}/links/{pk}/approve", {}).status_code == 403
    shown = post(charlie, f"{lender}/links/{pk}/approve", {}).json()
    assert (shown["state"], shown["terms"]["quota"]["gpu"]) == ("active", 2)
    assert shown["namespace"].startswith("fab-b-")
    assert shown["namespace"] not in cast.acme.slug
    ours = alice.get(f"{borrower}/links/{pk}").json()
    assert (ours["lender"], ours["terms"], ours["ends_at"]) == ("Globex", shown["terms"], shown["ends_at"])
    done = post(alice, f"{borrower}/links/{pk}/revoke", {"reason": "done"}).json()
    assert done["state"] == "revoked"
    assert post(charlie, f"{lender}/links/{pk}/revoke", {}).status_code == 409
    assert seen(cast) == (
        [("link.claim", "alice"), ("link.approve", "Globex"), ("link.revoke", "alice")],
        [("link.invite", "charlie"), ("link.claim", "Acme"), ("link.approve", "charlie"), ("link.revoke", "Acme")],
    )  # fmt: skip


def test_a_general_account_asks_by_a_code_for_requests(cast: Cast) -> None:
    lender = f"/api/v1/projects/{cast.globex.slug}"
    charlie, alice = cast.client("charlie"), cast.client("alice")
    first = post(charlie, f"{lender}/links/lending-code", {}).json()["code"]
    code = post(charlie, f"{lender}/links/lending-code", {}).json()["code"]
    assert post(alice, f"{cast.url}/links/request", {"code": first}).status_code == 404
    asked = post(alice, f"{cast.url}/links/request", {"code": code, "note": "storage for lots"})
    assert (asked.status_code, asked.json()["request_note"]) == (202, "storage for lots")
    assert post(alice, f"{cast.url}/links/request", {"code": code}).status_code == 409
    pk = asked.json()["id"]
    terms = {"terms": {"days": 30, "namespace": "acme-lots"}}
    shown = post(charlie, f"{lender}/links/{pk}/approve", terms).json()
    assert (shown["state"], shown["namespace"]) == ("active", "acme-lots")
    assert charlie.delete(f"{lender}/links/lending-code").status_code == 204
    assert post(alice, f"{cast.url}/links/request", {"code": code}).status_code == 404


def test_a_request_is_rejected_with_a_reason_on_both_sides(cast: Cast) -> None:
    link = claimed(cast)
    with cast.inside("alice") as grant, pytest.raises(Forbidden):
        links.reject(grant, links.find_link(link.pk))
    with cast.inside("charlie", cast.globex) as grant:
        links.reject(grant, links.find_link(link.pk), "not this quarter")
        with pytest.raises(Conflict):
            links.approve(grant, links.find_link(link.pk))
    for project in (cast.acme, cast.globex):
        with scope(project.pk):
            event = AuditEvent.objects.get(action="link.reject", account_id=project.pk)
            assert event.detail == {"reason": "not this quarter"}


def test_each_side_sees_the_others_name_and_not_its_people(cast: Cast) -> None:
    claimed(cast)
    with scope(cast.globex.pk):
        event = AuditEvent.objects.get(action="link.claim", account_id=cast.globex.pk)
    told = (
        event.actor_kind,
        event.actor_label,
        event.ip,
        event.user_agent,
        event.request_id,
        event.on_behalf_of,
    )
    assert told == ("account", "Acme", "", "", "", "")
    assert "alice" not in str(event.__dict__)


@pytest.mark.parametrize("step", ["claim", "approve", "reject", "revoke"])
def test_where_one_sides_record_cannot_be_written_nothing_has_happened(
    cast: Cast, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, code = offer(cast)
    if step != "claim":
        with cast.inside("alice") as grant:
            links.claim(grant, code)
    before = seen(cast)

    def broken(*_args: Any, **_options: Any) -> None:
        raise DatabaseError("the other side's record")

    monkeypatch.setattr(links, "tell", broken)
    who, project = ("alice", cast.acme) if step == "claim" else ("charlie", cast.globex)
    act = {
        "claim": lambda grant: links.claim(grant, code),
        "approve": lambda grant: links.approve(grant, links.find_link(link.pk)),
        "reject": lambda grant: links.reject(grant, links.find_link(link.pk)),
        "revoke": lambda grant: links.revoke(grant, links.find_link(link.pk)),
    }[step]
    with pytest.raises(DatabaseError), transaction.atomic(), cast.inside(who, project) as grant:
        act(grant)
    assert seen(cast) == before
    with scope(cast.globex.pk):
        state = TrustLink.objects.get(pk=link.pk).state
    assert state == ("invited" if step == "claim" else "requested")


def test_an_expired_or_unknown_code_says_the_same_and_changes_nothing(cast: Cast) -> None:
    link, code = offer(cast)
    with scope(cast.globex.pk):
        TrustLink.objects.filter(pk=link.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    client = cast.client("alice")
    expired = post(client, f"{cast.url}/links/claim", {"code": code})
    unknown = post(client, f"{cast.url}/links/claim", {"code": "mll_nothing"})
    assert (expired.status_code, unknown.status_code) == (404, 404)
    assert expired.json()["detail"] == unknown.json()["detail"]
    assert ("link.manage", "denied", "alice") in events(cast.acme.pk)


def test_two_accounts_are_linked_once(cast: Cast) -> None:
    claimed(cast)
    _link, code = offer(cast)
    with pytest.raises(Conflict), cast.inside("alice") as grant:
        links.claim(grant, code)


def test_only_a_trusted_account_lends_and_only_a_general_one_borrows(cast: Cast) -> None:
    with cast.inside("alice") as grant:
        for refused in (links.invite, links.open_requests):
            with pytest.raises(Conflict):
                refused(grant)
    with cast.inside("charlie", cast.globex) as grant, pytest.raises(Conflict):
        links.claim(grant, "mll_x")


def test_a_link_of_others_is_not_there(cast: Cast) -> None:
    link, _code = offer(cast)
    with cast.inside("alice"), pytest.raises(NotFound):
        links.find_link(link.pk)


@pytest.mark.parametrize(
    "terms",
    [{"namespace": "Fab"}, {"namespace": "-"}, {"namespace": "a_b"}, {"namespace": "a**"}, {"days": 0}, {"days": 9999},
     {"quota": {"gpu": -1}}, {"quota": {"disk": 1}}, {"permissions": ["root"]}, {"colour": "red"}],
)  # fmt: skip
def test_terms_that_are_not_valid_are_refused(cast: Cast, terms: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        offer(cast, **terms)


def test_only_the_lenders_own_credentials_can_be_offered(cast: Cast) -> None:
    with cast.inside("alice"):
        theirs = create_credential("git", "git", secrets()["git"], by="alice")
    with pytest.raises(Invalid):
        offer(cast, credentials=[theirs.pk])
    with cast.inside("charlie", cast.globex):
        own = create_credential("storage", "s3", secrets()["s3"], by="charlie")
    link = active(cast, credentials=[own.pk])
    with scope(cast.acme.pk):
        shown = TrustLink.objects.get(pk=link.pk).terms["credentials"]
    assert shown == [{"id": str(own.pk), "name": "storage", "kind": "s3"}]
    url = f"/api/v1/projects/{cast.globex.slug}/credentials/{own.pk}"
    assert cast.client("charlie").get(url).json()["dependants"][0]["label"] == "Acme"
    assert cast.client("charlie").delete(url).json()["code"] == "credential.in_use"


def test_a_link_ends_by_itself_and_both_sides_have_it_on_record(committed_cast: Cast) -> None:
    cast = committed_cast
    link = active(cast)
    with become("system"):
        assert expire_links() == 0
        with scope(cast.globex.pk):
            TrustLink.objects.filter(pk=link.pk).update(ends_at=timezone.now() - timedelta(seconds=1))
            assert not TrustLink.objects.get(pk=link.pk).lasts
        assert expire_links() == 1
        assert expire_links() == 0
    assert [log[-1] for log in seen(cast)] == [("link.expire", "Globex"), ("link.expire", "portal")]


def test_a_request_reaches_the_lenders_inbox_even_where_the_asking_process_ended_too_early(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast = committed_cast
    with monkeypatch.context() as patched:
        patched.setattr(links, "announce", lambda *_ids: False)
        link = claimed(cast)
    with scope(cast.globex.pk):
        assert not ApprovalRequest.objects.exists()
    with become("system"):
        assert (announce_requests(), announce_requests()) == (1, 0)
    with cast.inside("charlie", cast.globex) as grant:
        waiting = ApprovalRequest.objects.get()
        assert waiting.asked_by_label == "Acme"
        links.approve(grant, links.find_link(link.pk))
        assert ApprovalRequest.objects.get().state == "approved"


# What the database holds, whatever code runs.


def refused(statement: str, *parameters: Any) -> str:
    with (
        pytest.raises((IntegrityError, ProgrammingError)) as error,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, parameters)
    return str(error.value)


def test_a_borrower_cannot_decide_by_sql_either(cast: Cast) -> None:
    link = claimed(cast)
    with scope(cast.acme.pk):
        assert "lender decides" in refused(
            "UPDATE accounts_trustlink SET state = 'active' WHERE id = %s", link.pk
        )
        assert "lender decides" in refused(
            "UPDATE accounts_trustlink SET terms = '{}' WHERE id = %s", link.pk
        )
        assert "keeps its parties" in refused(
            "UPDATE accounts_trustlink SET lender_id = borrower_id WHERE id = %s", link.pk
        )
    with scope(cast.globex.pk):
        assert "keeps its parties" in refused(
            "UPDATE accounts_trustlink SET borrower_id = gen_random_uuid() WHERE id = %s", link.pk
        )
        assert "does not go" in refused(
            "UPDATE accounts_trustlink SET state = 'expired' WHERE id = %s", link.pk
        )


def test_what_has_ended_does_not_begin_again(cast: Cast) -> None:
    link = active(cast)
    with cast.inside("alice") as grant:
        links.revoke(grant, links.find_link(link.pk))
    with scope(cast.globex.pk):
        assert "does not change" in refused(
            "UPDATE accounts_trustlink SET state = 'active' WHERE id = %s", link.pk
        )


def test_nobody_writes_into_a_log_of_strangers(cast: Cast) -> None:
    link, _code = offer(cast)
    with scope(cast.acme.pk):
        assert "no party" in refused("SELECT link_tell(%s, '{}')", link.pk)
    with scope(cast.globex.pk):
        assert "no party" in refused("SELECT link_tell(%s, '{}')", link.pk), "nobody has claimed it"


def test_a_lender_with_active_links_is_not_removed(cast: Cast) -> None:
    link = active(cast)
    with scope(cast.globex.pk):
        for statement in (
            "UPDATE accounts_account SET state = 'closed' WHERE id = %s",
            "UPDATE accounts_account SET kind = 'general' WHERE id = %s",
            "DELETE FROM accounts_account WHERE id = %s",
        ):
            assert "revoke its links first" in refused(statement, cast.globex.pk)
        Account.objects.filter(pk=cast.globex.pk).update(state="suspended")
        Account.objects.filter(pk=cast.globex.pk).update(state="active")
    with cast.inside("charlie", cast.globex) as grant:
        links.revoke(grant, links.find_link(link.pk))
        Account.objects.filter(pk=cast.globex.pk).update(state="closed")


def test_closing_a_lender_and_approving_at_the_same_moment(committed_cast: Cast) -> None:
    """Either the approval is there and the closing refused, or the other way round."""
    cast = committed_cast
    link = claimed(cast)
    started, results = threading.Barrier(2, timeout=10), {}

    def close() -> None:
        try:
            started.wait()
            with scope(cast.globex.pk):
                Account.objects.filter(pk=cast.globex.pk).update(state="closed")
            results["close"] = True
        except IntegrityError:
            results["close"] = False
        finally:
            connection.close()

    def approve() -> None:
        try:
            started.wait()
            with cast.inside("charlie", cast.globex) as grant:
                links.approve(grant, links.find_link(link.pk))
            results["approve"] = True
        except (Conflict, IntegrityError):
            results["approve"] = False
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for one in (close, approve)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results.values()) == [False, True]


def test_the_pages_offer_ask_decide_and_end(cast: Cast) -> None:
    charlie, alice = cast.client("charlie"), cast.client("alice")
    theirs, ours = (f"/projects/{p.slug}/settings/account/" for p in (cast.globex, cast.acme))
    assert charlie.get(f"{theirs}links/invite/").status_code == 200
    form = {
        "note": "two GPUs",
        "namespace": "fab-*",
        "days": "30",
        "permissions": ["storage.read"],
        "gpu": "2",
    }
    assert charlie.post(f"{theirs}links/invite/", {**form, "days": "0"}).status_code == 400
    content = charlie.post(f"{theirs}links/invite/", form).content.decode()
    code = content[content.index("mll_") :][:36]
    assert alice.post(f"{ours}links/claim/", {"code": "mll_x"}).status_code == 400
    asked = alice.post(f"{ours}links/claim/", {"code": code})
    assert asked.status_code == 302, asked.content
    page = asked["Location"]
    assert b"two GPUs" in alice.get(page).content
    decide = page.replace(cast.acme.slug, cast.globex.slug)
    assert b"Approve under these terms" in charlie.get(decide).content
    assert b"Approve under these terms" not in alice.get(page).content
    assert charlie.post(decide, {"do": "approve", **form}).status_code == 302
    for client, url in ((charlie, theirs), (alice, ours)):
        assert b"link-diagram" in client.get(url).content
    assert alice.post(page, {"do": "revoke", "reason": "done"}).status_code == 302
    code_page = charlie.post(f"{theirs}links/requests/", {"do": "open"}).content.decode()
    code = code_page[code_page.index("mlb_") :][:36]
    assert alice.post(f"{ours}links/claim/", {"code": code, "note": "lots"}).status_code == 302
    assert charlie.post(f"{theirs}links/requests/", {"do": "close"}).status_code == 302


def both(cast: Cast) -> TrustLink:
    """A link that Charlie, the lender's only person, has asked for as an owner of the borrower."""
    link, code = offer(cast)
    with scope(cast.acme.pk):
        Membership.objects.create(account_id=cast.acme.pk, user=cast.charlie, role="owner")
    with cast.inside("charlie", cast.acme) as grant:
        links.claim(grant, code)
    return link


def announced(cast: Cast, link: TrustLink) -> ApprovalRequest:
    """The request in the lender's inbox."""
    with cast.inside("charlie", cast.globex):
        assert links.announce(cast.globex.pk, link.pk)
        request: ApprovalRequest = ApprovalRequest.objects.get(kind="link")
        return request


def joins_lender(cast: Cast, name: str) -> None:
    with scope(cast.globex.pk):
        Membership.objects.create(account_id=cast.globex.pk, user=cast.people[name], role="owner")


def test_who_asked_does_not_decide_for_the_lender_too(cast: Cast) -> None:
    link = both(cast)
    joins_lender(cast, "mia")
    charlie, url = cast.client("charlie"), f"/api/v1/projects/{cast.globex.slug}"
    page = f"/projects/{cast.globex.slug}/settings/account/links/{link.pk}/"
    shown = charlie.get(page).content.decode()
    assert "You asked for this yourself." in shown
    assert "Approve under these terms" not in shown
    refused = post(charlie, f"{url}/links/{link.pk}/approve", {"reason": "It is me."})
    assert (refused.status_code, refused.json()["code"]) == (403, "approval.second_person")
    assert (
        charlie.post(page, {"do": "approve", "namespace": "*", "days": 9, "reason": "x"}).status_code == 403
    )
    asked = announced(cast, link)
    inbox = f"/projects/{cast.globex.slug}/approvals/{asked.pk}/"
    shown = charlie.get(inbox).content.decode()
    assert "Somebody else with the permission" in shown
    assert 'value="approve"' not in shown
    assert charlie.post(inbox, {"do": "approve", "note": "It is me."}).status_code == 403
    with scope(cast.globex.pk):
        assert links.find_link(link.pk).state == "requested"
    assert post(cast.client("mia"), f"{url}/links/{link.pk}/approve", {}).json()["state"] == "active"


@pytest.mark.parametrize("door", ["api", "page", "inbox"])
def test_a_team_of_one_lends_to_itself_with_a_reason_that_auditors_are_told(cast: Cast, door: str) -> None:
    link = both(cast)
    charlie, api = cast.client("charlie"), f"/api/v1/projects/{cast.globex.slug}"
    asked = announced(cast, link)
    room = f"/projects/{cast.globex.slug}"

    def approve(reason: str) -> Any:
        match door:
            case "api":
                return post(charlie, f"{api}/links/{link.pk}/approve", {"reason": reason})
            case "page":
                form = {"do": "approve", "namespace": "*", "days": 9, "reason": reason}
                return charlie.post(f"{room}/settings/account/links/{link.pk}/", form)
            case _:
                return charlie.post(f"{room}/approvals/{asked.pk}/", {"do": "approve", "note": reason})

    refused = approve(" ")
    assert refused.status_code == 400
    assert "write down why" in refused.content.decode()
    assert approve("Both are ours.").status_code in (200, 302)
    with scope(cast.globex.pk):
        asked.refresh_from_db()
        assert (asked.state, asked.self_approved, asked.note) == ("approved", True, "Both are ours.")
        detail = AuditEvent.objects.get(action="link.approve", account_id=cast.globex.pk).detail
        assert (detail["self_approved"], detail["reason"]) == ("yes", "Both are ours.")
    told = cast.client("audrey").get("/api/v1/notifications").content.decode()
    assert told.count("Both are ours.") == 1
    with scope(cast.acme.pk):
        assert "Both are ours." not in str(AuditEvent.objects.get(action="link.approve").detail), (
            "the lender's"
        )
