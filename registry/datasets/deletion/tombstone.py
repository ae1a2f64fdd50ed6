"""What is said of data that was deleted."""

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from registry.datasets.errors import Gone
from registry.models import Dataset, DatasetDeletion, DatasetVersion


def deletion_of(version: DatasetVersion) -> DatasetDeletion | None:
    """The begun deletion that a version fell under: its own, or its dataset's."""
    rows = DatasetDeletion.objects.select_related("dataset", "version").exclude(begun_at=None)
    found: DatasetDeletion | None = (
        rows.filter(version=version).first()
        or rows.filter(dataset_id=version.dataset_id, version=None).first()
    )
    return found


def deletion_of_dataset(dataset: Dataset) -> DatasetDeletion | None:
    """The begun deletion of a whole dataset."""
    rows = DatasetDeletion.objects.select_related("dataset", "version").exclude(begun_at=None)
    found: DatasetDeletion | None = rows.filter(dataset=dataset, version=None).first()
    return found


def require_there(version: DatasetVersion) -> None:
    """Raise `Gone` for a version whose data is deleted."""
    if version.is_gone:
        raise _gone(version.label, deletion_of(version))


def require_dataset(dataset: Dataset) -> None:
    """Raise `Gone` for a deleted dataset."""
    if dataset.deleted_at is not None:
        raise _gone(dataset.name, deletion_of_dataset(dataset))


def _gone(label: str, deletion: DatasetDeletion | None) -> Gone:
    if deletion is None or deletion.begun_at is None:
        return Gone("dataset.deleted", _("%(what)s was deleted.") % {"what": label})
    return Gone(
        "dataset.deleted",
        _("%(what)s was deleted for good on %(day)s, asked for by %(who)s: %(reason)s")
        % {
            "what": label,
            "day": date_format(timezone.localtime(deletion.begun_at), "DATE_FORMAT"),
            "who": deletion.asked_by_label,
            "reason": deletion.reason,
        },
        deletion=str(deletion.pk),
    )
