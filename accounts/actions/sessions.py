"""A person's sessions: which there are, and ending them, in every process at once."""

from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from accounts import audit
from accounts.errors import NotFound
from accounts.models import AuditEvent, Session, User
from accounts.models.session import SessionQuerySet
from accounts.tenancy import personal_scope

SIGN_INS_SHOWN = 20
# What the list of tries to sign in as somebody is made of, and what people read there.
SIGN_IN_ACTIONS = {
    "user.sign_in": _lazy("Sign in"),
    "user.first_step": _lazy("First step of signing in"),
    "user.second_step": _lazy("Second step of signing in"),
    "user.sign_in_again": _lazy("Confirm that it is you"),
    "user.password": _lazy("Change password"),
}


def recent_sign_ins(user: User) -> list[AuditEvent]:
    """The latest tries to sign in as this person, by whomever, as the audit log has them."""
    with personal_scope(user.pk):
        return list(
            AuditEvent.objects.filter(
                account_id=None, target_type="user", target_id=str(user.pk), action__in=list(SIGN_IN_ACTIONS)
            ).order_by("-at", "-id")[:SIGN_INS_SHOWN]
        )


def living_sessions(user: User) -> SessionQuerySet:
    """Where this person is signed in, the latest seen first."""
    return Session.objects.living().filter(user=user).order_by("-last_seen_at")


def end_session(user: User, session_id: UUID) -> None:
    """End one of this person's sessions; its next request is nobody's. Raises `NotFound`, also for somebody else's."""
    with transaction.atomic():
        session = living_sessions(user).filter(pk=session_id).first()
        if session is None:
            raise NotFound("session.not_found", _("You have no such session: it may have ended by itself."))
        audit.record("session.end", session)
        session.delete()


def end_other_sessions(user: User, this: SessionBase) -> int:
    """End every session of this person but `this`; returns how many."""
    with transaction.atomic():
        others = Session.objects.filter(user=user)
        if (kept := getattr(this, "row_id", None)) is not None:
            others = others.exclude(pk=kept)
        count = others.delete()[0]
        if count:
            audit.record("session.end_others", user, detail={"count": count})
    return count


def end_all_sessions(user: User) -> int:
    """End every session of a person: they have been deactivated, or their second factor was taken away."""
    with transaction.atomic():
        count = Session.objects.filter(user=user).delete()[0]
        if count:
            audit.record("session.end_all", user, detail={"count": count})
    return count
