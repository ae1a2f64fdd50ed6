"""Making datasets."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Invalid
from projects.doors import Grant
from registry.datasets.names import check_name
from registry.models import Dataset


def create_dataset(grant: Grant, name: str, *, description: str = "", format: str = "") -> Dataset:
    """Make an empty dataset. Raises `Invalid` for a wrong name or format, `Conflict` for a taken name."""
    check_name(name)
    if format not in Dataset.Format.values:
        message = _("There is no format “%(format)s”.") % {"format": format}
        raise Invalid("dataset.format", message, errors={"format": [message]})
    dataset = Dataset(
        name=name, description=description.strip(), format=format, created_by_label=grant.actor.person
    )
    try:
        with transaction.atomic():
            dataset.save(force_insert=True)
    except IntegrityError:
        message = _("A dataset “%(name)s” exists already. Add a version to it, or choose another name.") % {
            "name": name
        }
        raise Conflict("dataset.exists", message, errors={"name": [message]}) from None
    audit.record("dataset.create", dataset, detail={"format": format, "sensitivity": dataset.sensitivity})
    return dataset
