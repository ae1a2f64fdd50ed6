"""What leaves in bulk: exports, whose bytes are read to the end, and lists of ids in which one of theirs hides."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.actions.credentials import create_credential
from accounts.models import Credential, TrustLink
from accounts.tenancy import scope
from projects.models import Notice, NoticeRecipient, Project, Token
from projects.notifications import notify
from registry.models import Dataset
from tests.access_matrix.arguments import GIT
from tests.access_matrix.arguments_audit import sealed_log
from tests.access_matrix.calls import Answer, Caller, call
from tests.access_matrix.registry import Entry
from tests.access_matrix.routes import every_route
from tests.cast import Cast
from tests.walls.world import MAKERS

ROUTES = {route.template: route for route in every_route()}
LOG = "/api/v1/projects/{slug}/audit-log/export"
REPORT = "/api/v1/projects/<slug:slug>/access-report/export"
# The routes of a project that hand out a file or a stream of many rows. A new one is to be added, and is found by name.
EXPORTS = {LOG: ("format=jsonl", "format=csv"), REPORT: ("format=json", "format=csv")}


@pytest.fixture
def both(cast: Cast) -> Cast:
    """One of everything in both accounts, all of it sealed in their logs."""
    for project in (cast.acme, cast.globex):
        for make in MAKERS:
            make(cast, project)
    sealed_log(cast, cast.acme)
    return cast


def marks_of(project: Project) -> list[str]:
    """What only this account's things are called."""
    with scope(project.pk):
        dataset, token = Dataset.objects.earliest("pk"), Token.objects.earliest("pk")
        return [str(project.pk), project.slug, str(dataset.pk), str(token.pk)]


def exported(cast: Cast, template: str, query: str, name: str = "alice") -> Answer:
    """Take an export away; a stream is read to its end."""
    caller = Caller(name, client=cast.client(name))
    entry = Entry(lambda cast, project: {}, query=query)
    return call(ROUTES[template], "GET", {"slug": cast.acme.slug}, caller, entry)


def test_every_export_of_a_project_is_tried_here() -> None:
    found = {name for name in ROUTES if name.startswith("/api/v1/projects/") and name.endswith("export")}
    assert found == set(EXPORTS)


@pytest.mark.parametrize(
    ("template", "query"), [(template, query) for template, queries in EXPORTS.items() for query in queries]
)
def test_an_export_is_ours_to_its_last_byte(both: Cast, template: str, query: str) -> None:
    answer = exported(both, template, query)
    assert answer.status == 200, answer.body[:300]
    text = answer.body.decode()
    assert "alice" in text, "it holds something"
    assert not [mark for mark in [*marks_of(both.globex), "charlie"] if mark in text]


@pytest.mark.parametrize("parameter", ["account", "account_id", "target", "thing", "person", "log", "ids"])
@pytest.mark.parametrize("template", list(EXPORTS))
def test_an_export_is_not_turned_to_another_account_by_a_filter(
    both: Cast, template: str, parameter: str
) -> None:
    query = EXPORTS[template][0]
    answers = [
        exported(both, template, f"{query}&{parameter}={value}") for value in (both.globex.pk, uuid4())
    ]
    assert [answer.status for answer in answers] == [400, 400]
    assert answers[0].problem == answers[1].problem


FILTERS = ("q", "actor", "on_behalf_of", "person", "action", "target", "target_type", "thing", "account")


@pytest.mark.parametrize("name", FILTERS)
def test_the_log_filtered_by_what_is_theirs_is_the_log_filtered_by_nothing(both: Cast, name: str) -> None:
    client, accepted = both.client("alice"), 0
    for theirs in [*marks_of(both.globex), f"project:{both.globex.pk}", "charlie"]:
        url = f"{both.url}/audit-events?{name}="
        with_theirs = client.get(f"{url}{theirs}")
        with_nothing = client.get(f"{url}{'project:' if ':' in theirs else ''}{uuid4()}")
        assert with_theirs.status_code == with_nothing.status_code
        accepted += with_theirs.status_code == 200
        if with_theirs.status_code == 200:
            # Reading is on record itself, with what was asked for: those records of ours may come back.
            rows = [row for row in with_theirs.json()["results"] if row["action"] != "audit.read"]
            assert rows == []
    assert accepted or name == "account", "the filter takes some of them; a project's log is of one account"


def post(client: Client, url: str, body: dict[str, Any]) -> Any:
    return client.post(url, json.dumps(body), content_type="application/json")


def test_one_of_their_credentials_among_ours_is_lent_by_nobody(cast: Cast) -> None:
    with cast.inside("charlie", cast.globex):
        ours = create_credential("git", "git", GIT, by="charlie")
    with cast.inside("alice"):
        theirs = create_credential("git", "git", GIT, by="alice")
    client = cast.client("charlie")  # a trusted account's owner, who lends
    url = f"/api/v1/projects/{cast.globex.slug}/links"
    answers = [
        post(client, url, {"terms": {"credentials": [str(ours.pk), str(other)]}})
        for other in (theirs.pk, uuid4())
    ]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].status_code in (400, 404)
    told = [answer.content.decode() for answer in answers]
    assert cast.acme.slug not in told[0]
    with scope(cast.globex.pk):
        assert not TrustLink.objects.exists(), "nothing half is left"
    assert post(client, url, {"terms": {"credentials": [str(ours.pk)]}}).status_code == 201
    with scope(cast.acme.pk):
        assert Credential.objects.get().pk == theirs.pk


def test_one_of_anothers_notices_among_mine_stays_unread(cast: Cast) -> None:
    for project, name in ((cast.acme, "alice"), (cast.globex, "charlie")):
        with cast.inside(name, project):
            notify(project.pk, "webhook.test", "news", recipients=[cast.people[name].pk])
    ids = {}
    for project in (cast.acme, cast.globex):
        with scope(project.pk):
            ids[project.pk] = str(Notice.objects.get().pk)
            recipient = NoticeRecipient.objects.get()
            ids[project.slug] = str(recipient.pk)
    client = cast.client("alice")
    with_theirs = post(client, "/api/v1/notifications/read", {"ids": [*ids.values()]})
    assert with_theirs.status_code == 200, with_theirs.content
    assert with_theirs.json() == {"read": 1}
    again = post(client, "/api/v1/notifications/read", {"ids": [str(uuid4()), ids[cast.globex.slug]]})
    assert again.json() == {"read": 0}
    with scope(cast.globex.pk):
        assert NoticeRecipient.objects.get().read_at is None
