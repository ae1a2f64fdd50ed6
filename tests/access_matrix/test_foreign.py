"""Ids and names of the other account in every place of every request: query, filter, ordering, deep in a body.

What is sent is taken from the OpenAPI document, so that a new field is tried as soon as it is described. The answer
must be that to an id that leads nowhere, and must not tell anything of the other account that was not sent.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import pytest
from django.db import transaction

from accounts.tenancy import scope
from projects.models import Operation as OperationRow
from projects.models import Project, Token
from registry.models import Dataset, Endpoint, TrainingJob, TrainingProject
from tests.access_matrix.calls import TRIED, Answer, Caller, call
from tests.access_matrix.fields import Operation, Place, operations, plain, put
from tests.access_matrix.registry import ENTRIES, Entry
from tests.access_matrix.routes import Route
from tests.access_matrix.test_matrix import INSIDE, methods_of
from tests.cast import Cast
from tests.walls.world import MAKERS

_VOLATILE = re.compile(r'"(id|at|created_at|expires_at|hint|token|url|updated_at)": ?"[^"]*"')


class _Undo(Exception):
    """Takes back what a call has done."""


@dataclass(frozen=True)
class Foreign:
    """Values of the other account, each beside one that leads nowhere; and what must not be told."""

    pairs: dict[str, tuple[Any, Any]]
    marks: tuple[str, ...]


@pytest.fixture
def foreign(cast: Cast) -> Foreign:
    """One of everything in the other account, and how it is called."""
    for make in MAKERS:
        make(cast, cast.globex)
    with scope(cast.globex.pk):
        dataset, token = Dataset.objects.earliest("pk"), Token.objects.first()
        job, endpoint = TrainingJob.objects.get(), Endpoint.objects.get()
        training, operation = TrainingProject.objects.get(), OperationRow.objects.first()
        project = Project.objects.get()
    assert token is not None
    assert operation is not None
    pairs = {
        "id": (str(operation.pk), str(uuid4())),
        "token": (str(token.pk), str(uuid4())),
        "account": (str(project.pk), str(uuid4())),
        "dataset": (dataset.name, f"v-nothing-{uuid4().hex[:6]}"),
        "dataset version": (f"{dataset.name}@1", f"v-nothing-{uuid4().hex[:6]}@1"),
        "training project": (training.name, f"t-{uuid4().hex[:6]}"),
        "endpoint": (endpoint.name, f"e-{uuid4().hex[:6]}"),
        "slug": (project.slug, f"globex-{uuid4().hex[:6]}"),
        "number": (job.number, job.number + 1),
    }
    marks = (project.slug, str(project.pk), dataset.name, training.name, endpoint.name, str(token.pk))
    return Foreign(pairs, (*marks, str(operation.pk)))


def _sent(
    route: Route,
    operation: Operation,
    place: Place,
    value: Any,
    values: dict[str, Any],
    entry: Entry | None,
    caller: Caller,
) -> Answer:
    """Send the operation with a value at one place, and take back what it did."""
    base = entry or Entry(lambda cast, project: {})
    if place.where == "query":
        asked = {**dict(parse_qsl(base.query)), place.path[0]: value}
        changed = replace(base, query=urlencode(asked))
    else:
        body = {**operation.body, **(base.body or {})} if isinstance(operation.body, dict) else operation.body
        changed = replace(base, body=put(body, place.path, value))
    answer: list[Answer] = []
    try:
        with transaction.atomic():
            answer.append(call(route, operation.method, values, caller, changed))
            raise _Undo
    except _Undo:
        return answer[0]


TRIES = [
    pytest.param(route, operations()[plain(route.template), method], id=f"{method} {plain(route.template)}")
    for route in INSIDE
    if route.door in ("api", "asgi")
    for method in methods_of(route)
    if operations().get((plain(route.template), method))
    and operations()[plain(route.template), method].places
]


def _told(answer: Answer, value: Any) -> str:
    """What an answer says, without what was sent and what differs from call to call."""
    text = answer.body.decode(errors="replace")
    try:
        document = json.loads(text)
    except ValueError:
        return text.replace(str(value), "<sent>")
    if isinstance(document, dict):
        document.pop("request_id", None)
    return _VOLATILE.sub("", json.dumps(document, ensure_ascii=False).replace(str(value), "<sent>"))


@pytest.mark.parametrize(("route", "operation"), TRIES)
def test_an_id_of_theirs_is_an_id_of_nothing_wherever_it_stands(
    route: Route, operation: Operation, cast: Cast, foreign: Foreign
) -> None:
    alice = Caller("alice", client=cast.client("alice"))
    entry = ENTRIES.get(route.template)
    own = {"slug": cast.acme.slug, **(entry.make(cast, cast.acme) if entry else {})}
    for place in operation.places:
        for kind, (theirs, nothing) in foreign.pairs.items():
            if place.number != (kind == "number"):
                continue
            if place.path[-1] in ("username", "members", "password"):
                continue  # people belong to no account: whoever knows a username may ask for that person
            if place.path[-1] == "alias" and route.template.endswith("/protected-aliases"):
                continue  # a new word, which names nothing yet: half of all ids begin as no alias may
            if place.path[-1] == "secret" and route.template.endswith("/audit-forwards/<uuid:pk>"):
                continue  # a text that names nothing: half of all names are too short to be one
            other = _sent(route, operation, place, theirs, own, entry, alice)
            none = _sent(route, operation, place, nothing, own, entry, alice)
            TRIED["calls with ids and names of the other account in query and body"] += 1
            TRIED["… of them taken further than the form of the request"] += none.status not in (400, 415)
            seen = f"{operation.method} {operation.template} {place}: {kind} → {other.status}, {none.status}"
            assert other.status == none.status, f"{seen}\n{other.body[:300]!r}\n{none.body[:300]!r}"
            told = _told(other, theirs)
            # What succeeded shows what it was told, numbers in the middle of others, and new ids and times.
            if other.status >= 400 and not place.number:
                assert told == _told(none, nothing), seen
            leaked = [mark for mark in foreign.marks if mark in told]
            assert not leaked, f"{seen}: tells {leaked}"
