"""The question “who has seen this dataset version and everything made from it”, asked and put on record."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import NotFound
from accounts.models import AuditEvent
from projects.doors import Grant
from registry.datasets.find import find_version
from registry.exposure.lineage import Lineage, lineage_of
from registry.exposure.readers import Reader, readers_of, reads_of
from registry.models import DatasetVersion


@dataclass(frozen=True, slots=True)
class Exposure:
    """The answer: the lineage, who read what of it, and the records behind that."""

    version: DatasetVersion
    lineage: Lineage
    readers: list[Reader]
    reads: QuerySet[AuditEvent]

    @property
    def people(self) -> list[str]:
        """Everybody who has seen any of it."""
        return sorted({reader.person for reader in self.readers})


def version_by_id(grant: Grant, pk: UUID) -> DatasetVersion:
    """Return a version that this reader may know of. Raises `NotFound`."""
    found = DatasetVersion.objects.select_related("dataset").filter(pk=pk).first()
    if found is None:
        raise NotFound(
            "dataset.version_not_found", _("There is no such version of a dataset in this project.")
        )
    return find_version(grant, found.dataset.name, found.number, deleted=True)


def who_has_seen(grant: Grant, version: DatasetVersion) -> Exposure:
    """Answer, and record that it was asked."""
    lineage = lineage_of(version)
    reads = reads_of(AuditEvent.objects.filter(account_id=grant.account_id), lineage)
    exposure = Exposure(version, lineage, readers_of(reads, lineage), reads)
    audit.record(
        "audit.read",
        version,
        detail={
            "question": "seen",
            "things": len(lineage.things),
            "people": len(exposure.people),
            "complete": lineage.complete,
        },
    )
    return exposure
