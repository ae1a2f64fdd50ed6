"""Telling people how a deletion ended: who asked for it, and the project's owners."""

from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_noop as noop

from projects.holdings import holders_of
from projects.models import Membership, Operation, Project, State
from projects.notifications import notify
from projects.permissions import Permission, Role
from registry.models import DatasetDeletion

ENDED = "dataset.deletion"


def ended(operation: Operation) -> None:
    """Say that a deletion is done, or has failed, in the transaction that ends its operation: once."""
    rows = DatasetDeletion.objects.select_related("dataset", "version", "request")
    deletion = rows.get(pk=operation.payload["deletion"])
    done = operation.state == State.SUCCEEDED
    slug = Project.objects.values_list("slug", flat=True).get()
    notify(
        deletion.account_id,
        ENDED,
        noop("%(what)s is deleted") if done else noop("The deletion of %(what)s has failed"),
        noop("What the portal held of it is destroyed; the signed statement says what that was.")
        if done
        else noop(
            "%(problem)s Nobody reads it any more, but some of it may still be stored: retry it under Activity."
        ),
        recipients=_recipients(operation, deletion),
        values={"what": deletion.label, "problem": operation.error},
        link=reverse("registry:dataset_deletion", args=[slug, deletion.pk]),
    )


def _recipients(operation: Operation, deletion: DatasetDeletion) -> set[UUID]:
    """Who asked, and who tried again, as far as they may still know of it; and the owners."""
    asked = deletion.request.asked_by_id if deletion.request is not None else None
    first = asked or UUID(operation.payload.get("asked_by") or str(operation.user_id))
    owners = Membership.objects.filter(role=Role.OWNER).values_list("user_id", flat=True)
    return ({first, operation.user_id} | set(owners)) & holders_of(Permission.DATASET_READ)
