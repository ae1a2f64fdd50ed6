"""One way to ask, one way to decide.

    waiting ──approve──▶ approved        waiting ──withdraw──▶ withdrawn   (who asked)
       ├────reject─────▶ rejected        waiting ──time──────▶ expired

A kind says which permission decides, what approving does (in the same transaction), and what the decider sees beside
the button. Somebody else decides: who asks may not. A team of one may not wait for nobody: where the asker is an owner
and no other person holds the permission, they decide themselves, with a note, marked as self-approved in the audit
log, and the platform's auditors are told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.audit import Target
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import PlatformRole, User
from accounts.tenancy import require_account
from projects.doors.grant import Grant
from projects.holdings import holders_of, holding_of
from projects.models import ApprovalRequest, Project
from projects.notifications import notify
from projects.permissions import Permission, Role

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LIFETIME = timedelta(days=14)
ASKED, DECIDED = "approval.asked", "approval.decided"
State = ApprovalRequest.State
Effect = Callable[[ApprovalRequest, Grant], None]
# What is shown beside the decision: (label, text) pairs.
Evidence = Callable[[ApprovalRequest], list[tuple[str, str]]]
# Who asked, where that was in another account: they may belong to this one too.
Asker = Callable[[ApprovalRequest], UUID | None]
# What its page shows beside that: a template, and its context.
Panel = Callable[[ApprovalRequest], tuple[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """What may be asked for. `permission` decides; `check` may refuse a decider (raises `Forbidden`). `asked_with` is
    what asking takes, and what who asked must still hold as it is approved.
    """

    name: str
    label: "_StrPromise"
    permission: str
    on_approve: Effect
    on_reject: Effect | None = None
    check: Effect | None = None
    evidence: Evidence | None = None
    panel: Panel | None = None
    asked_with: str = Permission.APPROVAL_ASK
    asker: Asker | None = None


_kinds: dict[str, Kind] = {}


def register_kind(
    name: str,
    label: "_StrPromise",
    *,
    permission: str,
    on_approve: Effect,
    on_reject: Effect | None = None,
    check: Effect | None = None,
    evidence: Evidence | None = None,
    panel: Panel | None = None,
    asked_with: str = Permission.APPROVAL_ASK,
    asker: Asker | None = None,
) -> None:
    """Make a kind of request known; called from an app's `ready()`."""
    _kinds[name] = Kind(
        name, label, permission, on_approve, on_reject, check, evidence, panel, asked_with, asker
    )


def kind_of(name: str) -> Kind:
    """Return a kind; raises `KeyError`."""
    return _kinds[name]


def kinds_decided_with(permissions: frozenset[str]) -> list[str]:
    """The kinds that a holder of these permissions decides."""
    return [kind.name for kind in _kinds.values() if kind.permission in permissions]


def evidence_of(request: ApprovalRequest) -> list[tuple[str, str]]:
    """What a decider ought to see."""
    found = kind_of(request.kind).evidence
    return found(request) if found else []


def ask(
    kind: str,
    target: models.Model | Target,
    payload: dict[str, Any],
    reason: str,
    grant: Grant,
    *,
    lifetime: timedelta = LIFETIME,
) -> ApprovalRequest:
    """Ask for a decision, and tell who may decide. Raises `Invalid` without a reason, `Conflict` where the same person
    has asked for the same and waits, `Forbidden` to a robot.
    """
    if grant.person_id is None:
        # Whoever holds its token could ask by the robot, and approve as a second person.
        raise Forbidden("approval.robot", _("A robot asks for no decision: a person has to ask."))
    reason = reason.strip()
    if not reason:
        message = _("Say why: whoever decides reads it.")
        raise Invalid("approval.reason", message, errors={"reason": [message]})
    about = Target.of(target) if isinstance(target, models.Model) else target
    request = ApprovalRequest(
        kind=kind,
        target_type=about.type,
        target_id=about.id[:255],
        target_label=about.label[:255],
        payload=payload,
        reason=reason[:1000],
        asked_by_id=grant.user_id,
        asked_by_label=grant.actor.person[:160],
        expires_at=timezone.now() + lifetime,
    )
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError:
        raise Conflict(
            "approval.asked", _("You have asked for this already, and nobody has decided yet.")
        ) from None
    return _asked(request)


def ask_from_outside(kind: str, target: models.Model, asker: str, reason: str) -> ApprovalRequest:
    """Put what another account asks before those who decide in the account in scope."""
    about = Target.of(target)
    request = ApprovalRequest(
        kind=kind,
        target_type=about.type,
        target_id=about.id,
        target_label=about.label[:255],
        reason=reason[:1000],
        asked_by_label=asker[:160],
        expires_at=timezone.now() + LIFETIME,
    )
    request.save(force_insert=True)
    return _asked(request)


def _asked(request: ApprovalRequest) -> ApprovalRequest:
    audit.record(
        "approval.ask",
        request,
        detail={"kind": request.kind, "target": request.target_id, "reason": request.reason},
    )
    deciders = holders_of(kind_of(request.kind).permission)
    others = deciders - {request.asked_by_id} or deciders
    notify(
        request.account_id,
        ASKED,
        noop("%(who)s asks: %(what)s"),
        noop("Reason given: %(reason)s") if request.reason else "",
        recipients=[user_id for user_id in others if user_id is not None],
        values={"who": request.asked_by_label, "what": request.target_label, "reason": request.reason},
        link=_address(request),
    )
    return request


def _address(request: ApprovalRequest) -> str:
    slug = Project.objects.values_list("slug", flat=True).get()
    return f"/projects/{slug}/approvals/{request.pk}/"


def visible(grant: Grant) -> models.QuerySet[ApprovalRequest]:
    """The requests that somebody sees: their own, and those of the kinds they decide."""
    mine = models.Q(asked_by_id=grant.user_id)
    rows: models.QuerySet[ApprovalRequest] = ApprovalRequest.objects.filter(
        mine | models.Q(kind__in=kinds_decided_with(grant.permissions))
    )
    return rows


def find_request(grant: Grant, pk: UUID) -> ApprovalRequest:
    """Return a request that this person sees; raises `NotFound`."""
    found = visible(grant).filter(pk=pk).first()
    if found is None:
        raise NotFound("approval.not_found", _("There is no such request in this project."))
    return found


def is_own(request: ApprovalRequest, grant: Grant) -> bool:
    """Whether this person asked, here or in the account that asks."""
    asker = kind_of(request.kind).asker
    return grant.user_id == (request.asked_by_id if asker is None else asker(request))


def alone(permission: str, grant: Grant) -> bool:
    """Whether this person owns the project, and nobody else could decide with this permission."""
    return grant.role == Role.OWNER and not holders_of(permission) - {grant.user_id}


def check_own(permission: str, grant: Grant, note: str, field: str = "note") -> None:
    """Refuse somebody who decides on what they asked for themselves: raises `Forbidden` while others can decide, and
    `Invalid`, at this field, where a team of one decides without saying why.
    """
    if not alone(permission, grant):
        raise Forbidden(
            "approval.second_person",
            _("Somebody else has to decide on your request. You can withdraw it."),
        )
    if not note:
        message = _("You decide on your own request: write down why.")
        raise Invalid("approval.note", message, errors={field: [message]})


def decide(grant: Grant, request: ApprovalRequest, *, approve: bool, note: str = "") -> ApprovalRequest:
    """Approve or reject. What approving does happens in this transaction, or the request stays as it was.

    Raises `Forbidden` for who may not decide, or asked themselves while others can decide; `Conflict` for a request
    that is no longer waiting, or whose asker could not ask any more; `Invalid` where a team of one decides without
    saying why.
    """
    kind, note = kind_of(request.kind), note.strip()
    grant.require(kind.permission)
    own = is_own(request, grant)
    if own:
        check_own(kind.permission, grant, note)
    if approve:
        _check_asker(kind, request)
    if kind.check is not None and approve:
        kind.check(request, grant)
    _move(request, State.APPROVED if approve else State.REJECTED, grant=grant, note=note, self_approved=own)
    effect = kind.on_approve if approve else kind.on_reject
    if effect is not None:
        effect(request, grant)
    detail = {"kind": request.kind, "asked_by": request.asked_by_label, "note": note, "reason": note}
    if own:
        detail["self_approved"] = "yes"
    audit.record("approval.approve" if approve else "approval.reject", request, detail=detail)
    _tell_asker(request)
    if own and approve:
        _tell_auditors(request)
    return request


def _check_asker(kind: Kind, request: ApprovalRequest) -> None:
    """Raise `Conflict` where who asked could not ask for this any more: a leaver's wish is nobody's."""
    if request.asked_by_id is None:
        return
    held = holding_of(request.asked_by_id)
    if held is None or kind.asked_with not in held.permissions:
        raise Conflict(
            "approval.asker",
            _("%(who)s may no longer ask for this here (%(permission)s). Reject it; somebody else can ask.")
            % {"who": request.asked_by_label, "permission": kind.asked_with},
        )


def withdraw(grant: Grant, request: ApprovalRequest) -> ApprovalRequest:
    """Take one's own request back. Raises `Forbidden` for somebody else's, `Conflict` once it is decided."""
    if request.asked_by_id != grant.user_id:
        raise Forbidden("approval.not_yours", _("Only who asked can withdraw a request."))
    _move(request, State.WITHDRAWN, grant=grant)
    audit.record("approval.withdraw", request, detail={"kind": request.kind})
    return request


def settle(target: models.Model, state: str, grant: Grant, *, note: str = "", own: bool = False) -> None:
    """Close what waits about a thing that was decided at its own page; `own`: by who had asked for it."""
    about = Target.of(target)
    rows = ApprovalRequest.objects.filter(
        target_type=about.type, target_id=about.id, state=State.WAITING, account_id=require_account()
    )
    for request in rows:
        _move(request, state, grant=grant, note=note, self_approved=own)
        if own:
            _tell_auditors(request)


def expire(request: ApprovalRequest) -> bool:
    """End a request whose time is up; False where somebody was quicker."""
    rows = ApprovalRequest.objects.filter(pk=request.pk, state=State.WAITING)
    if not rows.update(state=State.EXPIRED, decided_at=timezone.now()):
        return False
    request.state = State.EXPIRED
    audit.record("approval.expire", request, detail={"kind": request.kind})
    _tell_asker(request)
    return True


def _move(
    request: ApprovalRequest, state: str, *, grant: Grant, note: str = "", self_approved: bool = False
) -> None:
    """One guarded transition: whoever comes second finds the request decided."""
    now = timezone.now()
    rows = ApprovalRequest.objects.filter(pk=request.pk, state=State.WAITING, expires_at__gt=now)
    values: dict[str, Any] = {
        "state": State(state),
        "decided_by_id": grant.user_id,
        "decided_by_label": grant.actor.person[:160],
        "decided_at": now,
        "note": note[:1000],
        "self_approved": self_approved,
    }
    if not rows.update(**values):
        raise Conflict("approval.decided", _("This request is no longer waiting. Reload, and look again."))
    for name, value in values.items():
        setattr(request, name, value)


def _tell_asker(request: ApprovalRequest) -> None:
    if request.asked_by_id is None or request.asked_by_id == request.decided_by_id:
        return
    subjects = {
        State.APPROVED: noop("Approved: %(what)s"),
        State.REJECTED: noop("Rejected: %(what)s"),
        State.EXPIRED: noop("Nobody decided in time: %(what)s"),
    }
    notify(
        request.account_id,
        DECIDED,
        subjects[State(request.state)],
        noop("%(who)s: %(note)s") if request.note else "",
        recipients=[request.asked_by_id],
        values={"what": request.target_label, "who": request.decided_by_label, "note": request.note},
        link=_address(request),
    )


def _tell_auditors(request: ApprovalRequest) -> None:
    auditors = User.objects.filter(platform_role=PlatformRole.AUDITOR, is_active=True)
    notify(
        request.account_id,
        DECIDED,
        noop("%(who)s approved their own request: %(what)s"),
        noop("Nobody else there could decide. Reason given: %(note)s"),
        recipients=list(auditors.values_list("pk", flat=True)),
        values={"who": request.decided_by_label, "what": request.target_label, "note": request.note},
    )
