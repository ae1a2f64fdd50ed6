"""Route × method × cast: every address answers everybody as the declared permission and the permission table say.

A route that nobody has declared, or that needs a thing nobody has described, fails with what to add.
"""

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

import tests.access_matrix as here
from accounts.recent import STALE
from projects.permissions import Permission
from tests.access_matrix.calls import TRIED, Answer, Caller, call, everybody
from tests.access_matrix.registry import ENTRIES, OPEN, Entry
from tests.access_matrix.routes import Route, asgi_routes, django_routes, every_route
from tests.cast import Cast

for _module in pkgutil.iter_modules(here.__path__):
    if _module.name.startswith("arguments"):
        import_module(f"tests.access_matrix.{_module.name}")

ROUTES = every_route()
PLATFORM = [route for route in ROUTES if route.door == "platform api"]
INSIDE = [route for route in ROUTES if route.door in ("api", "page", "asgi")]
HINT = (
    "Add to a module tests/access_matrix/arguments_*.py:  @arguments({template!r})\n"
    "def thing(cast, project): …make one in `project`… return {{{names}}}"
)


def _id(route: Route) -> str:
    return f"{route.door} {route.template}"


def declared(route: Route, method: str) -> str:
    """The permission of a route's method: declared on the view, or told by its entry."""
    entry = ENTRIES.get(route.template)
    return route.methods.get(method) or (entry.permissions.get(method, "") if entry else "")


def methods_of(route: Route) -> list[str]:
    """Every method that the route declares."""
    entry = ENTRIES.get(route.template)
    return sorted({*route.methods, *(entry.permissions if entry else {})})


class _Undo(Exception):
    """Takes back what a call has done."""


def _tried(*args: Any) -> Answer:
    """Call in a savepoint that is taken back."""
    answer: list[Answer] = []
    try:
        with transaction.atomic():
            answer.append(call(*args))
            raise _Undo
    except _Undo:
        return answer[0]


def _values(route: Route, cast: Cast, project: Any) -> dict[str, Any]:
    entry = ENTRIES.get(route.template)
    return {"slug": cast.acme.slug, **(entry.make(cast, project) if entry else {})}


def _wrong(route: Route, method: str, caller: Caller, answer: Answer, entry: Entry | None) -> str | None:
    """Say what is wrong with an answer, or None."""
    permission = declared(route, method)
    seen = f"{caller.label}: {method} {route.template} → {answer.status}"
    if route.door == "page" and not caller.signed_in:
        return None if answer.status == 302 and "/sign-in/" in answer.location else f"{seen}, not to sign-in"
    if not caller.known:
        return None if answer.status == 401 else f"{seen}, expected 401"
    if caller.held is None:
        return None if answer.status == 404 else f"{seen}, expected 404"
    if permission not in caller.held:
        if answer.status != 403:
            return f"{seen}, expected 403: no {permission}"
        named = permission.encode() in answer.body
        return None if named else f"{seen} without the permission's name: {answer.body[:200]!r}"
    if caller.label == "run token" and re.search(r"/datasets/[<{]", route.template):
        # A job's token reaches the versions that its launch named, and this one named none.
        return None if answer.status == 404 else f"{seen}, expected 404 for a job's token"
    extra, _colon, status = (entry.also.get(method) or entry.also.get("*", "") if entry else "").partition(
        ":"
    )
    if extra and extra not in caller.held:
        return (
            None if answer.status == int(status or 403) else f"{seen}, expected {status or 403}: no {extra}"
        )
    if entry and method in entry.sessions_only and caller.token:
        stale = answer.status == 403 and answer.problem.get("code") == "sign_in.stale"
        return None if stale else f"{seen}, expected 403: a token proves no presence"
    if entry and method in entry.absent and answer.status == 404:
        return None
    # An engine that is not running in these tests (MLflow) is asked only after the door has opened.
    allowed = answer.status < 500 or answer.status == 503
    allowed = allowed and answer.status not in (401, 403, 404, 405)
    return None if allowed else f"{seen}, expected to be allowed ({permission}): {answer.body[:300]!r}"


def test_every_route_stands_behind_a_door_or_says_why_not() -> None:
    undeclared = [
        f"{route.template} ({route.source})"
        for route in ROUTES
        if route.door == "none" and route.source not in OPEN
    ]
    assert not undeclared, (
        "These routes stand behind no door. Give them one (projects.doors), or say in "
        f"tests/access_matrix/registry.py, OPEN, why none is needed: {undeclared}"
    )


def test_every_permission_that_a_route_asks_for_is_in_the_table() -> None:
    known = {permission.value for permission in Permission}
    for route in INSIDE:
        methods = methods_of(route)
        assert methods, (
            f"{route.template} ({route.source}) declares no method: "
            "set `actions`/`permissions`, or `permissions` of its @arguments."
        )
        for method in methods:
            permission = declared(route, method)
            assert permission in known, (
                f"{method} {route.template} ({route.source}): {permission!r} is no permission"
            )


def test_every_route_to_a_thing_has_a_thing_to_be_tried_with() -> None:
    missing = [
        HINT.format(
            template=route.template, names=", ".join(f"{name!r}: …" for _c, name in route.arguments())
        )
        for route in INSIDE
        if route.arguments() and route.template not in ENTRIES
    ]
    assert not missing, "\n\n".join(missing)


def test_no_entry_is_left_over() -> None:
    assert set(ENTRIES) <= {route.template for route in ROUTES if route.door != "none"}


@pytest.mark.parametrize("route", [r for r in INSIDE if not r.arguments() or r.template in ENTRIES], ids=_id)
def test_each_route_answers_each_of_the_cast_as_the_table_says(route: Route, cast: Cast) -> None:
    entry, callers = ENTRIES.get(route.template), everybody(cast)
    values = _values(route, cast, cast.acme)
    wrong = [
        _wrong(route, method, caller, _tried(route, method, values, caller, entry), entry)
        for method in methods_of(route)
        for caller in callers
    ]
    assert not (found := [text for text in wrong if text]), "\n".join(found)


@pytest.mark.parametrize("route", [r for r in INSIDE if not r.arguments() or r.template in ENTRIES], ids=_id)
def test_a_method_that_is_not_declared_is_refused(route: Route, cast: Cast) -> None:
    entry, caller = ENTRIES.get(route.template), Caller("alice", client=cast.client("alice"))
    method = next((m for m in ("DELETE", "PUT", "PATCH", "POST") if m not in methods_of(route)), None)
    if method is None:
        return
    answer = _tried(route, method, _values(route, cast, cast.acme), caller, entry)
    refused = (403, 404, 405) if entry and entry.permissions else (403, 405)
    assert answer.status in refused, f"{method} {route.template} → {answer.status}"


def _missing(route: Route) -> dict[str, Any]:
    values = {"uuid": uuid4, "int": lambda: 987_654, "str": lambda: f"x{uuid4().hex[:12]}"}
    found = {name: values.get(converter, values["str"])() for converter, name in route.arguments()}
    if route.door == "asgi":  # whose regular expressions say what the template does not
        found |= {name: uuid4() for name in found if name.endswith("_id")}
        found |= {name: 987_654 for name in found if name == "number"}
    return found


def _things() -> Iterator[Any]:
    for route in INSIDE:
        if route.template in ENTRIES and route.arguments():
            yield pytest.param(route, id=_id(route))


@pytest.mark.parametrize("route", list(_things()))
def test_another_tenants_thing_is_the_same_404_as_a_missing_one(route: Route, cast: Cast) -> None:
    entry = ENTRIES[route.template]
    alice = Caller("alice", client=cast.client("alice"))
    theirs = _values(route, cast, cast.globex)
    nothing = {"slug": cast.acme.slug, **_missing(route)}
    if {name: value for name, value in theirs.items() if name != "slug"} == entry.make(cast, cast.acme):
        return  # the argument names no thing of a tenant (a kind, a path)
    for method in methods_of(route):
        TRIED["calls with ids and names of the other account in the path"] += 1
        other = _tried(route, method, theirs, alice, entry)
        none = _tried(route, method, nothing, alice, entry)
        # A body that does not parse is refused before anything is looked up, whosever thing was meant.
        early = (400, 415) if method in ("POST", "PUT", "PATCH") else ()
        seen = f"{method} {route.template}: {other.status}, {none.status}"
        assert other.status == none.status, seen
        assert other.status in (404, *early), seen
        if route.door in ("api", "asgi"):
            assert _anonymous(other, theirs) == _anonymous(none, nothing), f"{method} {route.template}"


def _anonymous(answer: Answer, values: dict[str, Any]) -> str:
    """An answer without the names that the caller gave."""
    text = repr(sorted(answer.problem.items()))
    for name, value in values.items():
        text = text.replace(str(value), f"<{name}>")
    return text


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.door in ("me", "own", "personal", "platform")], ids=_id
)
def test_what_belongs_to_no_project_answers_as_its_door_says(route: Route, cast: Cast) -> None:
    entry, reader = ENTRIES.get(route.template), route.reader
    roles = {"admin": "root", "auditor": "audrey"}
    for method in methods_of(route):
        for caller in everybody(cast):
            values = (
                entry.make(cast, cast.acme) if entry else {name: uuid4() for _c, name in route.arguments()}
            )
            answer = _tried(route, method, values, caller, None)
            seen = f"{caller.label}: {method} {route.template} → {answer.status}"
            if route.door == "own" and caller.signed_in:
                # What belongs to a person and is named by an id is not there for anybody else.
                assert answer.status in ((404,) if values else (200, 204, 400, 409)), seen
            elif route.door == "own":
                assert answer.status == (403 if caller.known else 401), seen
            elif route.door == "me":
                may = not caller.token or caller.type in route.view.cls.bearers
                assert answer.status == (401 if not caller.known else 200 if may else 403), seen
            elif not caller.signed_in:
                assert (answer.status, "/sign-in/" in answer.location) == (302, True), seen
            elif route.door == "platform" and caller.label != roles[reader]:
                assert answer.status == 404, seen
            else:
                assert answer.status in (200, 302, 400), seen


@pytest.mark.parametrize("route", PLATFORM, ids=_id)
def test_the_platform_answers_its_roles_and_is_not_there_for_anybody_else(route: Route, cast: Cast) -> None:
    """Whoever lacks the role gets one answer, whether the id leads to something or to nothing."""
    entry, missing = ENTRIES.get(route.template), _missing(route)
    assert entry or not route.arguments(), HINT.format(template=route.template, names="")
    values = entry.make(cast, cast.acme) if entry else {}
    for method in methods_of(route):
        allowed, only = declared(route, method).split("|"), [entry.also["*"]] if entry and entry.also else []
        assert set(allowed) <= {"admin", "auditor"}, f"{method} {route.template} declares no platform role"
        for caller in everybody(cast):
            answer = _tried(route, method, values, caller, entry)
            seen = f"{caller.label}: {method} {route.template} → {answer.status} {answer.body[:200]!r}"
            if not caller.known:
                assert answer.status == 401, seen
            elif caller.platform_role in (only or allowed):
                if caller.token and answer.status == 403 and answer.problem["code"] == STALE:
                    continue  # a token proves nobody's presence
                assert answer.status < 300 or (answer.status == 400 and method != "GET"), seen
            else:
                assert answer.status == 404, seen
                none = _tried(route, method, missing, caller, entry)
                assert none.problem == answer.problem, seen


@pytest.mark.parametrize("route", [r for r in ROUTES if r.source in OPEN], ids=lambda r: r.template)
def test_what_stands_behind_no_door_is_as_open_as_it_says(route: Route, cast: Cast) -> None:
    answer = _tried(route, "GET", {}, everybody(cast)[0], None)
    if OPEN[route.source] == "absent":
        assert answer.status == 404
    elif OPEN[route.source] == "half signed in":
        assert (answer.status, answer.location) == (302, "/sign-in/")
    elif OPEN[route.source] == "open":
        assert answer.status in (200, 302, 405), answer.status
        assert "/sign-in/" not in answer.location
    else:
        assert (answer.status, "/sign-in/" in answer.location) == (302, True)


def test_plain_asgi_routes_shadow_no_page() -> None:
    """A path that both answer would be declared twice, and tested once."""
    plain = {route.template for route in asgi_routes()}
    django = {route.template.replace("<slug:slug>", "{slug}") for route in django_routes()}
    assert not plain & django
