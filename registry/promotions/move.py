"""Moving an alias that was approved, once, and only as it was approved.

Two committed steps: look, and write down that it is being moved; then move. A worker killed in between, or after
MLflow took it, finds by that mark and by where the alias points what is left to do. One promotion of an alias moves
at a time, so nobody takes another's move for its own.
"""

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.audit import Target
from accounts.errors import NotFound
from projects.models import Operation, Project
from projects.notifications import notify
from projects.operations import Again, Done, Failed, Work
from projects.operations.registry import Cancelled
from registry.mlflow.client import Mlflow
from registry.models import Promotion

MOVED = "model.promoted"
_BUSY_SECONDS = 2.0


def advance(work: Work) -> Done | Again:
    """Take the next step; raises `Failed` where what was approved is no longer what is there."""
    if not work.payload.get("moving"):
        return _begin(work)
    return _finish(work)


def _begin(work: Work) -> Again:
    """Check that everything is as it was when somebody asked, record the move, and set the mark."""
    if work.cancel_requested:
        raise Cancelled
    with work.scope():
        promotion = _locked(work)
        if _another_moves(promotion):
            return Again(_BUSY_SECONDS)
        mlflow = Mlflow(work.account_id)
        _check(promotion, mlflow, _current(promotion, mlflow))
        work.save(moving=True)
        audit.record(
            "model.promote",
            Target("modelalias", f"{promotion.model}@{promotion.alias}", promotion.label),
            detail={
                "before": promotion.from_version,
                "after": promotion.version,
                "run": promotion.run_id,
                "asked_by": promotion.asked_by_label,
                "decided_by": promotion.request.decided_by_label,
                "request": str(promotion.request.pk),
            },
        )
    return Again(0)


def _finish(work: Work) -> Done:
    with work.scope():
        promotion = _locked(work)
        mlflow = Mlflow(work.account_id)
        current = _current(promotion, mlflow)
        if current != promotion.version:
            _check(promotion, mlflow, current)
            if promotion.version is None:
                mlflow.delete_alias(promotion.model, promotion.alias)
            else:
                mlflow.set_alias(promotion.model, promotion.alias, promotion.version)
    return Done({"model": promotion.model, "alias": promotion.alias, "version": promotion.version})


def _locked(work: Work) -> Promotion:
    """Read the promotion, with every other move of the same alias shut out until the transaction ends."""
    promotion: Promotion = Promotion.objects.select_related("request").get(pk=work.payload["promotion"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('model.promote'), hashtext(%s))",
            [f"{promotion.account_id} {promotion.model}@{promotion.alias}"],
        )
    return promotion


def _another_moves(promotion: Promotion) -> bool:
    others = Promotion.objects.filter(model=promotion.model, alias=promotion.alias).exclude(pk=promotion.pk)
    rows = others.filter(operation__state__in=["queued", "running"], operation__payload__moving=True)
    return bool(rows.exists())


def _current(promotion: Promotion, mlflow: Mlflow) -> int | None:
    try:
        return mlflow.model(promotion.model).aliases.get(promotion.alias)
    except NotFound:
        raise Failed(
            _("Nothing was moved: the model “%(model)s” is gone.") % {"model": promotion.model}
        ) from None


def _check(promotion: Promotion, mlflow: Mlflow, current: int | None) -> None:
    """Raise `Failed` unless the alias points where it did, and the version is the one that was looked at."""
    if current != promotion.from_version:
        raise Failed(
            _(
                "Nothing was moved: “%(alias)s” pointed to %(then)s when this was asked, and points to %(now)s now."
            )
            % {"alias": promotion.alias, "then": _shown(promotion.from_version), "now": _shown(current)}
        )
    if promotion.version is None:
        return
    try:
        found = mlflow.version(promotion.model, promotion.version)
    except NotFound:
        raise Failed(
            _("Nothing was moved: version %(version)d of “%(model)s” is gone.")
            % {"version": promotion.version, "model": promotion.model}
        ) from None
    if (found.run_id, found.source[:1000]) != (promotion.run_id, promotion.source):
        raise Failed(
            _("Nothing was moved: version %(version)d of “%(model)s” is another one than was approved.")
            % {"version": promotion.version, "model": promotion.model}
        )


def _shown(version: int | None) -> str:
    return f"v{version}" if version is not None else _("nothing")


def ended(operation: Operation) -> None:
    """Tell who asked and who decided what became of it; in the transaction that ends the operation."""
    promotion = Promotion.objects.select_related("request").get(pk=operation.payload["promotion"])
    request = promotion.request
    done = operation.state == "succeeded"
    people = [person for person in {request.asked_by_id, request.decided_by_id} if person is not None]
    notify(
        operation.account_id,
        MOVED,
        noop("Promoted: %(what)s") if done else noop("Approved, but not promoted: %(what)s"),
        "" if done else noop("%(why)s"),
        recipients=people,
        values={"what": promotion.label, "why": operation.error},
        link=_address(promotion),
    )


def _address(promotion: Promotion) -> str:
    slug = Project.objects.values_list("slug", flat=True).get()
    return f"/projects/{slug}/approvals/{promotion.request.pk}/"
