"""Which aliases are protected: more at once, fewer when a second person agrees."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Invalid, NotFound
from projects import approvals
from projects.doors import Grant
from projects.models import ApprovalRequest
from registry.models import ProtectedAlias
from registry.tracking.actions import check_alias

UNPROTECT = "model.unprotect"
# What most teams call them: offered on the page, protected only once somebody says so.
SUGGESTED = ("champion", "production")
_LONGEST_MODEL = 256


def protect(grant: Grant, alias: str, model: str = "") -> ProtectedAlias:
    """Protect an alias of one model, or of all; it counts at once, where the alias points now stays.

    Raises `Invalid` for what can be no alias, `Conflict` where it is protected already.
    """
    alias, model = alias.strip(), model.strip()
    check_alias(alias)
    if len(model) > _LONGEST_MODEL or "/" in model or ":" in model:
        message = _("A model's name is at most 256 characters, without “/” and “:”.")
        raise Invalid("model.name", message, errors={"model": [message]})
    row = ProtectedAlias(alias=alias, model=model, created_by_label=grant.actor.person[:160])
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise Conflict(
            "model.protected", _("“%(alias)s” is protected already.") % {"alias": row.label}
        ) from None
    audit.record("model.protect", row, detail={"alias": alias, "model": model})
    return row


def find_protected(pk: UUID) -> ProtectedAlias:
    """Return one protection; raises `NotFound`."""
    found: ProtectedAlias | None = ProtectedAlias.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound("model.protection_not_found", _("There is no such protected alias in this project."))
    return found


def aliases_of(model: str) -> list[str]:
    """The protected aliases of a model, by name, whether it has them or not; in the account's scope."""
    rows = ProtectedAlias.objects.filter(model__in=["", model]).order_by("alias")
    return list(rows.values_list("alias", flat=True).distinct())


def ask_unprotect(grant: Grant, row: ProtectedAlias, reason: str) -> ApprovalRequest:
    """Ask for a protection to be lifted: who may move the alias must not be who says that anybody may."""
    return approvals.ask(UNPROTECT, row, {}, reason, grant)


def unprotected(request: ApprovalRequest, grant: Grant) -> None:
    """What approving that does. Raises `Conflict` where it is gone already."""
    row = ProtectedAlias.objects.filter(pk=request.target_id).first()
    if row is None:
        raise Conflict("model.protection_gone", _("This alias is no longer protected."))
    audit.record(
        "model.unprotect", row, detail={"alias": row.alias, "model": row.model, "reason": request.reason}
    )
    row.delete()


def unprotect_evidence(request: ApprovalRequest) -> list[tuple[str, str]]:
    """What is protected, by whom, and since when."""
    row = ProtectedAlias.objects.filter(pk=request.target_id).first()
    if row is None:
        return [(_("Alias"), _("gone"))]
    return [
        (_("Alias"), row.alias),
        (_("Model"), row.model or _("all models")),
        (_("Protected by"), row.created_by_label),
        (_("Would be"), _("moved by everybody who may change models, without a second person")),
    ]
