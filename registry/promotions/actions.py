"""Asking for a promotion, and what approving one starts."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Target
from accounts.errors import Conflict, NotFound
from accounts.ids import uuid7
from projects import approvals, operations
from projects.doors import Grant
from projects.models import ApprovalRequest, Operation
from projects.permissions import Permission
from registry.mlflow.client import Mlflow
from registry.mlflow.protection import protected_among
from registry.models import Promotion
from registry.promotions.evidence import of_version

KIND = "model.promote"


def comparison(grant: Grant, model: str, alias: str, version: int | None) -> Promotion:
    """Return the promotion that asking now would make, unsaved: what the alias points to, and the evidence.

    Raises `NotFound` for no such model or version, `Conflict` where the alias points there already.
    """
    mlflow = Mlflow(grant.account_id)
    current = mlflow.model(model).aliases.get(alias)
    if current == version:
        raise Conflict(
            "promotion.nothing",
            _("“%(alias)s” of “%(model)s” is version %(version)d already.")
            % {"alias": alias, "model": model, "version": version}
            if version is not None
            else _("“%(model)s” has no alias “%(alias)s” to remove.") % {"alias": alias, "model": model},
        )
    wanted = mlflow.version(model, version) if version is not None else None
    before = mlflow.version(model, current) if current is not None else None
    return Promotion(
        model=model,
        alias=alias,
        version=version,
        from_version=current,
        run_id=wanted.run_id if wanted is not None else "",
        source=wanted.source[:1000] if wanted is not None else "",
        evidence={
            "challenger": of_version(mlflow, wanted) if wanted is not None else None,
            "current": of_version(mlflow, before) if before is not None else None,
        },
    )


def ask(grant: Grant, model: str, alias: str, version: int | None, reason: str) -> Promotion:
    """Ask for a protected alias to point to a version, or, with None, to be removed. The evidence is frozen here.

    Raises `NotFound` for no such version, `Conflict` for an alias that is not protected, points there already, or that
    the same person has asked about; `Invalid` without a reason.
    """
    if not protected_among([model], [alias]):
        raise Conflict(
            "promotion.not_protected",
            _("“%(alias)s” of “%(model)s” is not protected: point it without asking.")
            % {"alias": alias, "model": model},
        )
    promotion = comparison(grant, model, alias, version)
    promotion.pk = uuid7()
    promotion.reason = reason.strip()[:1000]
    promotion.asked_by_label = grant.actor.person[:160]
    target = Target("modelalias", f"{model}@{alias}", promotion.label)
    promotion.request = approvals.ask(KIND, target, {"promotion": str(promotion.pk)}, reason, grant)
    promotion.save(force_insert=True)
    detail = {
        "alias": alias,
        "before": promotion.from_version,
        "after": version,
        "run": promotion.run_id,
        "reason": promotion.reason,
        "request": str(promotion.request.pk),
    }
    audit.record("model.promote_ask", target, detail=detail)
    return promotion


def promotions(model: str = "") -> QuerySet[Promotion]:
    """The promotions of a model, or of all, the newest first; in the account's scope."""
    rows: QuerySet[Promotion] = Promotion.objects.select_related("request", "operation").order_by(
        "-created_at"
    )
    return rows.filter(model=model) if model else rows


def find_promotion(pk: UUID) -> Promotion:
    """Return a promotion; raises `NotFound`."""
    found = promotions().filter(pk=pk).first()
    if found is None:
        raise NotFound("promotion.not_found", _("There is no such promotion in this project."))
    return found


def of_request(request: ApprovalRequest) -> Promotion:
    """The promotion that a request is about."""
    return promotions().get(pk=request.payload["promotion"])


def approved(request: ApprovalRequest, grant: Grant) -> None:
    """What approving does: the alias is moved by an operation of the decider's, who must still be allowed to decide."""
    promotion = of_request(request)
    promotion.operation = operations.submit(
        KIND,
        target=Target(request.target_type, request.target_id, request.target_label),
        payload={"promotion": str(promotion.pk)},
        grant=grant,
        permission=Permission.APPROVAL_DECIDE,
        idempotency_key=f"{KIND}:{promotion.pk}",
    )
    promotion.save(update_fields=["operation"])


def retry_operation(operation: Operation, grant: Grant) -> Operation:
    """What was approved for one moment is not approved for another."""
    raise Conflict(
        "promotion.ask_again",
        _("A promotion is not retried: look at the model again, and ask for a new one."),
    )


def evidence(request: ApprovalRequest) -> list[tuple[str, str]]:
    """The facts beside the decision, as words; the page shows the metrics as a table too."""
    promotion = of_request(request)
    challenger, current = promotion.evidence["challenger"], promotion.evidence["current"]
    facts = [
        (_("Model"), promotion.model),
        (_("Alias"), promotion.alias),
        (_("Points to now"), _version(promotion.from_version)),
        (_("Would point to"), _version(promotion.version)),
    ]
    for side in (challenger, current):
        if side is None:
            continue
        metrics = ", ".join(
            f"{key} {'–' if value is None else f'{value:.6g}'}" for key, value in side["metrics"].items()
        )
        datasets = ", ".join(f"{used['name']} v{used['version']}" for used in side["datasets"])
        words = {"version": side["version"]}
        facts += [
            (_("Metrics of v%(version)d") % words, metrics or _("none logged")),
            (_("Data of v%(version)d") % words, datasets or _("not known")),
            (_("v%(version)d trained by") % words, side["trained_by"] or _("not known")),
            (_("Signature of v%(version)d") % words, signature_word(side["signature"])),
        ]
    return facts


def signature_word(found: bool | None) -> str:
    """Whether there is a signature, in a word."""
    return _("not known") if found is None else _("yes") if found else _("no")


def _version(number: int | None) -> str:
    return f"v{number}" if number is not None else _("nothing")
