"""One way to write the audit log.

`acting_as` says who acts, from where; doors, the gateway and tasks open it. `record` writes one row in the caller's
transaction, so that a change and its record stand or fall together. Nothing here ever swallows an error: what cannot
be recorded does not happen.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, models
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.errors import Forbidden, NotFound, Unavailable
from accounts.models.audit import AuditEvent, Outcome
from accounts.tenancy.scope import current_account


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: kind is user, token, robot, run, system or anonymous.

    `on_behalf_of` names the person behind a token or run, or the robot behind a run. `credential` says by which of its
    tokens a robot came: it is kept in the record's detail.
    """

    kind: str
    id: str
    label: str
    on_behalf_of: str = ""
    credential: str = ""

    @property
    def person(self) -> str:
        """The name that stays with what was made: the person's, also where a token acted for them."""
        return self.on_behalf_of or self.label

    def told(self, detail: dict[str, Any] | None) -> dict[str, Any]:
        """The detail of a record, with what is to be kept of the credential."""
        return {**(detail or {}), "token": self.credential} if self.credential else dict(detail or {})


@dataclass(frozen=True, slots=True)
class Target:
    """What was acted on, as it is to be remembered once it is gone."""

    type: str
    id: str
    label: str

    @classmethod
    def of(cls, thing: models.Model) -> "Target":
        """Describe a model instance: its model's name, primary key, and `label` (else its text)."""
        return cls(thing._meta.model_name or "", str(thing.pk), str(getattr(thing, "label", thing)))


def outcome_of(error: BaseException | None) -> Outcome:
    """How an attempt that ended in this error is called: refused, or failed."""
    return Outcome.DENIED if isinstance(error, Forbidden | NotFound) else Outcome.FAILED


SYSTEM = Actor("system", "", "portal")
ANONYMOUS = Actor("anonymous", "", "anonymous")


@dataclass(slots=True)
class Context:
    """The circumstances of what is being done now; `recorded` counts the rows written under it."""

    actor: Actor
    via: str
    request_id: str = ""
    ip: str = ""
    user_agent: str = ""
    recorded: int = field(default=0)


_context: ContextVar[Context | None] = ContextVar("portal_audit_context", default=None)


def current_context() -> Context | None:
    """Return who is acting now, or None outside every door."""
    return _context.get()


@contextmanager
def acting_as(
    actor: Actor, *, via: str, request_id: str = "", ip: str = "", user_agent: str = ""
) -> Iterator[Context]:
    """Say who acts and how they came in (`via`: page, api, gateway, command, task)."""
    context = Context(actor, via, request_id, ip, user_agent)
    token = _context.set(context)
    try:
        yield context
    finally:
        _context.reset(token)


def record(
    action: str,
    target: models.Model | Target | None = None,
    *,
    outcome: str = Outcome.OK,
    detail: dict[str, Any] | None = None,
) -> AuditEvent:
    """Append one event in the current transaction: for the account in scope, or for the platform where none is open.

    `action` is dotted (`dataset.download`). `detail` holds facts, never secrets. Raises `LookupError` where nobody
    said who acts: an unattributed event is a bug, not a row; `Unavailable` where the log takes no row.
    """
    context = _context.get()
    if context is None:
        raise LookupError(f"Nobody is acting: open accounts.audit.acting_as() around {action!r}.")
    about = Target.of(target) if isinstance(target, models.Model) else target or Target("", "", "")
    event = AuditEvent(
        at=timezone.now(),
        account_id=current_account(),
        actor_kind=context.actor.kind,
        actor_id=context.actor.id,
        actor_label=context.actor.label[:160],
        on_behalf_of=context.actor.on_behalf_of[:160],
        action=action,
        target_type=about.type,
        target_id=about.id[:255],
        target_label=about.label[:255],
        outcome=outcome,
        via=context.via,
        ip=context.ip[:45],
        user_agent=context.user_agent[:255],
        request_id=context.request_id[:64],
        detail=context.actor.told(detail),
    )
    try:
        event.save(force_insert=True)
    except DatabaseError as error:
        raise Unavailable(
            "audit.unavailable",
            _(
                "This cannot be put on record now, so it is not done. Try again; if it stays so, tell your admin."
            ),
        ) from error
    context.recorded += 1
    return event
