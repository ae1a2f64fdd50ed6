"""Replaying the log: one function for each action that changes who can reach what, from a record to the state after it.

What a record does not say is not guessed: an action of a thing that the log does not know yet (its beginning is past
the retention) makes it known from there on, as far as the record goes.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from accounts.models import AuditEvent
from projects.access_report.state import (
    FIRST_LEVEL,
    Credential,
    Dataset,
    Given,
    Link,
    Member,
    Robot,
    State,
    Token,
    Way,
    holder_of,
)
from projects.permissions import Permission

Step = Callable[[State, AuditEvent], None]


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


def _number(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _person(event: AuditEvent) -> str:
    """A membership is called “name (role)” in records that do not say whose it is."""
    return str(event.detail.get("user") or event.target_label.rsplit(" (", 1)[0])


def _member_added(state: State, event: AuditEvent) -> None:
    role, until = str(event.detail.get("role", "")), _moment(event.detail.get("until"))
    state.members[event.target_id] = Member(_person(event), role, until)


def _member_changed(state: State, event: AuditEvent) -> None:
    known = state.members.setdefault(event.target_id, Member(_person(event), ""))
    known.role = str(event.detail.get("to", known.role))


def _member_gone(state: State, event: AuditEvent) -> None:
    state.members.pop(event.target_id, None)


def _role_made(state: State, event: AuditEvent) -> None:
    state.roles[event.target_label] = set(event.detail.get("permissions", ()))


def _role_changed(state: State, event: AuditEvent) -> None:
    permissions = state.roles.setdefault(event.target_label, set())
    permissions |= set(event.detail.get("added", ()))
    permissions -= set(event.detail.get("removed", ()))


def _role_gone(state: State, event: AuditEvent) -> None:
    state.roles.pop(event.target_label, None)


def _granted(state: State, event: AuditEvent) -> None:
    said = event.detail
    state.grants[event.target_id] = Given(
        str(said.get("user", "")), str(said.get("permission", "")), _moment(said.get("until"))
    )


def _grant_ended(state: State, event: AuditEvent) -> None:
    state.grants.pop(event.target_id, None)


def _dataset_made(state: State, event: AuditEvent) -> None:
    level = str(event.detail.get("sensitivity") or FIRST_LEVEL)
    state.datasets[event.target_id] = Dataset(event.target_label, level)


def _dataset_level(state: State, event: AuditEvent) -> None:
    known = state.datasets.setdefault(event.target_id, Dataset(event.target_label))
    known.level = str(event.detail.get("to", known.level))


def _dataset_gone(state: State, event: AuditEvent) -> None:
    state.datasets.pop(event.target_id, None)
    for pk in [pk for pk, given in state.dataset_grants.items() if given.what == event.target_id]:
        del state.dataset_grants[pk]


def _let(state: State, event: AuditEvent) -> None:
    days, until = event.detail.get("days"), _moment(event.detail.get("until"))
    if until is None and isinstance(days, int):
        until = event.at + timedelta(days=days)
    state.datasets.setdefault(event.target_id, Dataset(event.target_label))
    pk = str(event.detail.get("grant", event.pk))
    bearer, kind = str(event.detail.get("to", "")), str(event.detail.get("bearer", ""))
    if kind == "robot":
        bearer = holder_of(bearer)
    state.dataset_grants[pk] = Given(bearer, event.target_id, until, kind)


def _let_ended(state: State, event: AuditEvent) -> None:
    state.dataset_grants.pop(str(event.detail.get("grant", "")), None)


def _token_made(state: State, event: AuditEvent) -> None:
    said = event.detail
    holder = holder_of(str(said["robot"])) if "robot" in said else str(said.get("user", event.who))
    state.tokens[event.target_id] = Token(
        holder,
        event.target_label,
        str(said.get("role", "")),
        list(said.get("scopes", ())),
        _moment(said.get("expires_at")),
    )


def _token_gone(state: State, event: AuditEvent) -> None:
    state.tokens.pop(event.target_id, None)


def _robot_made(state: State, event: AuditEvent) -> None:
    said = event.detail
    state.robots[event.target_id] = Robot(
        event.target_label, str(said.get("role", "")), _moment(said.get("until"))
    )


def _robot_known(state: State, event: AuditEvent) -> Robot:
    return state.robots.setdefault(event.target_id, Robot(event.target_label, ""))


def _robot_changed(state: State, event: AuditEvent) -> None:
    robot, said = _robot_known(state, event), event.detail
    if isinstance(role := said.get("role"), dict):
        robot.role = str(role.get("to", robot.role))
    if isinstance(until := said.get("until"), dict):
        robot.until = _moment(until.get("to"))


def _robot_stopped(state: State, event: AuditEvent) -> None:
    _robot_known(state, event).disabled = event.action == "robot.disable"


def _robot_gone(state: State, event: AuditEvent) -> None:
    gone = state.robots.pop(event.target_id, None)
    holder = gone.holder if gone else holder_of(event.target_label)
    for pk in [pk for pk, token in state.tokens.items() if token.user == holder]:
        del state.tokens[pk]


def _credential_made(state: State, event: AuditEvent) -> None:
    state.credentials[event.target_id] = Credential(event.target_label, str(event.detail.get("kind", "")))


def _credential_switched(state: State, event: AuditEvent) -> None:
    known = state.credentials.setdefault(event.target_id, Credential(event.target_label, ""))
    known.version = _number(event.detail.get("to", event.detail.get("version")), known.version)


def _credential_gone(state: State, event: AuditEvent) -> None:
    state.credentials.pop(event.target_id, None)


def _link_active(state: State, event: AuditEvent) -> None:
    said = event.detail
    state.links[event.target_id] = Link(
        event.target_label, str(said.get("namespace", "")), _moment(said.get("ends_at"))
    )


def _link_gone(state: State, event: AuditEvent) -> None:
    state.links.pop(event.target_id, None)


def _entered(state: State, event: AuditEvent) -> None:
    said = event.detail
    until = event.at + timedelta(hours=_number(said.get("hours"), 24))
    state.ways[event.target_id] = Way(
        event.actor_label, str(said.get("reason", "")), bool(said.get("repair")), until
    )


def _left(state: State, event: AuditEvent) -> None:
    state.ways.pop(event.target_id, None)


def _account(word: str) -> Step:
    def step(state: State, event: AuditEvent) -> None:
        state.account = word

    return step


def _nothing(state: State, event: AuditEvent) -> None:
    """What is to be seen among the changes, and changes nothing of who can reach what by itself."""


# kind of change → action → step. In this order a report lists and counts them.
STEPS: dict[str, dict[str, Step]] = {
    "members": {
        "member.add": _member_added,
        "member.role": _member_changed,
        "member.remove": _member_gone,
        "member.end": _member_gone,
    },
    "roles": {"role.create": _role_made, "role.change": _role_changed, "role.delete": _role_gone},
    "permissions": {
        "access.grant": _granted,
        "access.revoke": _grant_ended,
        "access.end": _grant_ended,
    },
    "data": {
        "dataset.create": _dataset_made,
        "dataset.delete": _dataset_gone,
        "dataset.sensitivity": _dataset_level,
        "dataset.access_grant": _let,
        "dataset.access_end": _let_ended,
    },
    "robots": {
        "robot.create": _robot_made,
        "robot.change": _robot_changed,
        "robot.disable": _robot_stopped,
        "robot.enable": _robot_stopped,
        "robot.delete": _robot_gone,
    },
    "tokens": {"token.create": _token_made, "token.revoke": _token_gone},
    "credentials": {
        "credential.create": _credential_made,
        "credential.switch": _credential_switched,
        "credential.rollback": _credential_switched,
        "credential.rotate": _nothing,
        "credential.discard": _nothing,
        "credential.destroy": _nothing,
        "credential.reveal": _nothing,
        "credential.delete": _credential_gone,
    },
    "links": {
        "link.invite": _nothing,
        "link.claim": _nothing,
        "link.request": _nothing,
        "link.approve": _link_active,
        "link.reject": _nothing,
        "link.revoke": _link_gone,
        "link.expire": _link_gone,
    },
    "break_glass": {"breakglass.enter": _entered, "breakglass.end": _left},
    "account": {
        "account.open": _account("active"),
        "account.suspend": _account("suspended"),
        "account.reopen": _account("active"),
        "account.close": _account("closing"),
        "account.closed": _account("closed"),
    },
}
KIND_OF = {action: kind for kind, steps in STEPS.items() for action in steps}
ACTIONS = tuple(KIND_OF)
# A door calls an opened page by the permission it asked for, on the project: no change, though named like one.
DOORS = Q(action__in=sorted(set(ACTIONS) & set(Permission)), target_type="project")
_STEPS = {action: step for steps in STEPS.values() for action, step in steps.items()}


def replay(state: State, events: Iterable[AuditEvent]) -> State:
    """Carry the state on over these records, in their order."""
    for event in events:
        _STEPS[event.action](state, event)
    return state
