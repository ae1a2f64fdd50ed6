"""Datasets: named, versioned data whose bytes lie in the blob store.

A version is open while files are added to it, then sealed for good: PostgreSQL refuses to change a sealed
version or to give it other files. Corrections are a new version. The one way on is to be deleted.
"""

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.crypto import SealedField
from accounts.tenancy.models import TenantForeignKey, TenantModel
from registry.models.blob import Blob


class Dataset(TenantModel):
    """Data under one name, which people typed and which is its address within the project."""

    class Format(models.TextChoices):
        UNKNOWN = "", _("Not said")
        TABLE = "table", _("Tables (CSV, TSV, Parquet)")
        IMAGES = "images", _("Images")
        TEXT = "text", _("Text")
        OTHER = "other", _("Other files")

    class Sensitivity(models.TextChoices):
        """From the least to the most sensitive; `registry.datasets.sensitivity` says what each asks for."""

        PUBLIC = "public", _("Public")
        INTERNAL = "internal", _("Internal")
        CONFIDENTIAL = "confidential", _("Confidential")
        RESTRICTED = "restricted", _("Restricted")

    name = models.CharField(_("Name"), max_length=63)
    description = models.TextField(_("Description"), max_length=2000, blank=True)
    format = models.CharField(_("Format"), max_length=16, choices=Format, blank=True, default=Format.UNKNOWN)
    sensitivity = models.CharField(
        _("Sensitivity"), max_length=16, choices=Sensitivity, default=Sensitivity.INTERNAL
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by_label = models.CharField(_("Created by"), max_length=160)
    deleted_at = models.DateTimeField(
        null=True, help_text=_("Its name stays taken: it is what the record speaks of.")
    )

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["account", "name"], name="registry_dataset_name"),
            models.CheckConstraint(
                condition=models.Q(sensitivity__in=["public", "internal", "confidential", "restricted"]),
                name="registry_dataset_sensitivity",
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this dataset."""
        return self.name


class DatasetVersion(TenantModel):
    """One state of a dataset's files. Sealing sets `content_hash`; from then on nothing of it changes.

    A deleted version's row stays, without files: its number and hash are what the record and the lineage speak of.
    """

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        READY = "ready", _("Sealed")
        DELETING = "deleting", _("Deleting")
        DELETED = "deleted", _("Deleted")

    dataset = TenantForeignKey(Dataset, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    note = models.CharField(_("Note"), max_length=500, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(default=0, help_text=_("Bytes of all files; 0 until sealed."))
    file_count = models.PositiveIntegerField(default=0, help_text=_("0 until sealed."))
    created_at = models.DateTimeField(auto_now_add=True)
    created_by_label = models.CharField(_("Created by"), max_length=160)
    sealed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "dataset", "number"], name="registry_datasetversion_number"
            ),
            models.CheckConstraint(
                condition=models.Q(state="open", content_hash="", sealed_at=None)
                | models.Q(
                    state__in=["ready", "deleting", "deleted"],
                    content_hash__regex=r"^[0-9a-f]{64}$",
                    sealed_at__isnull=False,
                ),
                name="registry_datasetversion_sealed_is_hashed",
            ),
            models.CheckConstraint(condition=models.Q(number__gt=0), name="registry_datasetversion_from_one"),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this version."""
        return f"{self.dataset.name} v{self.number}"

    @property
    def is_open(self) -> bool:
        """Whether files can still be added."""
        return self.state == self.State.OPEN

    @property
    def is_gone(self) -> bool:
        """Whether its files are deleted, or being deleted: nobody reads them any more."""
        return self.state in (self.State.DELETING, self.State.DELETED)


class DatasetFile(TenantModel):
    """A file of a version: a safe relative path, and the stored content behind it."""

    version = TenantForeignKey(DatasetVersion, models.CASCADE, related_name="files")
    path = models.CharField(max_length=1024)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    blob = TenantForeignKey(Blob, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            # Two names that some file system takes for one would not come out of a job's folder again.
            models.UniqueConstraint("account", "version", Lower("path"), name="registry_datasetfile_path"),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this file."""
        return f"{self.version.label}: {self.path}"


class DatasetUpload(TenantModel):
    """A file on its way into an open version; goes on where it stopped until it is finished or expires."""

    version = TenantForeignKey(DatasetVersion, models.CASCADE, related_name="uploads")
    path = models.CharField(max_length=1024)
    declared_size = models.BigIntegerField(null=True)
    declared_sha256 = models.CharField(max_length=64, blank=True)
    blob = TenantForeignKey(Blob, models.PROTECT, related_name="+")
    offset = models.BigIntegerField(default=0, help_text=_("Bytes at the end of the last request."))
    created_at = models.DateTimeField(auto_now_add=True)
    created_by_label = models.CharField(_("Created by"), max_length=160)
    expires_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint("account", "version", Lower("path"), name="registry_datasetupload_path"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["expires_at"], name="registry_datasetupload_expiry"),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this upload."""
        return f"{self.version.label}: {self.path}"


class FileProfile(TenantModel):
    """What a tabular file holds: columns, types, missing values, extremes, first rows. It is data: sealed."""

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")

    file = TenantForeignKey(DatasetFile, models.CASCADE, related_name="profiles")
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    rows = models.BigIntegerField(null=True)
    columns = models.PositiveIntegerField(null=True)
    report = SealedField(null=True)
    problem = models.JSONField(
        default=dict, help_text=_("Why it failed: a code, and numbers for its sentence.")
    )
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["account", "file"], name="registry_fileprofile_one"),
        ]
