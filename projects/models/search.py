"""Saved searches of the audit log: a project's, and those of the audit room."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7
from accounts.tenancy.models import TenantModel


class Search(models.Model):
    """Filters under a name, as the search page's form takes them: texts, a relative period still relative.

    Its owner's alone, or `shared` with everybody who may search there.
    """

    name = models.CharField(_("Name"), max_length=60)
    filters = models.JSONField(default=dict)
    shared = models.BooleanField(_("Shared"), default=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    owner_label = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    @property
    def label(self) -> str:
        """How audit entries call this search."""
        return self.name


class SavedSearch(Search, TenantModel):
    """A search of one project's log."""

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["account", "owner", "name"], name="projects_savedsearch_name"),
        ]


class RoomSearch(Search):
    """An auditor's search of every account's log; it belongs to no account."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["owner", "name"], name="projects_roomsearch_name"),
        ]
