"""Training projects, their sources, and the jobs launched from them."""

from typing import Any, ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.crypto.fields import SealedField
from accounts.tenancy.models import TenantForeignKey, TenantModel
from projects.models import Operation
from registry.models.blob import Blob

NAME = RegexValidator(
    r"\A[a-z0-9][a-z0-9._-]{0,62}\Z",
    _(
        "Use 1 to 63 lower-case letters, digits, dots, underscores and hyphens, starting with a letter or digit."
    ),
)


class TrainingProject(TenantModel):
    """Code that trains: an MLflow project (a folder with an `MLproject` file), kept in numbered sources."""

    name = models.CharField(_("Name"), max_length=63, validators=[NAME])
    description = models.TextField(_("Description"), blank=True, max_length=2000)
    created_by_label = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="registry_trainingproject_name",
                violation_error_message=_("A training project of this name exists already."),
            )
        ]

    @property
    def label(self) -> str:
        """How audit entries call this project."""
        return self.name


class TrainingSource(TenantModel):
    """One immutable snapshot of a training project's code: an uploaded archive, or a commit of a git repository.

    `content` is a zip of the folder in the blob store, `size` its unpacked bytes; `documents` are the files that say
    how it is launched (JSON: name to text). `entry_points` are lists of `{"name", "parameters": [{"name", "type",
    "default"}]}`, in the project's order; `python` and `requirements` describe the environment it runs in.
    """

    class Kind(models.TextChoices):
        ARCHIVE = "archive", _("Upload")
        GIT = "git", _("Git")

    project = TenantForeignKey(TrainingProject, models.CASCADE, related_name="sources")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=Kind)
    git_url = models.CharField(max_length=500, blank=True)
    commit = models.CharField(max_length=40, blank=True)
    content = TenantForeignKey(Blob, models.PROTECT, related_name="+")
    documents = SealedField()
    entry_points = models.JSONField(default=list)
    python = models.CharField(max_length=16, blank=True)
    requirements = models.JSONField(default=list)
    size = models.PositiveBigIntegerField(default=0)
    created_by_label = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "project", "number"], name="registry_trainingsource_number"
            )
        ]

    @property
    def label(self) -> str:
        """How audit entries call this snapshot."""
        return f"{self.project.name} #{self.number}"

    @property
    def entry_names(self) -> list[str]:
        """The entry points' names, in order."""
        return [entry["name"] for entry in self.entry_points]

    def parameters_of(self, entry_point: str) -> dict[str, dict[str, Any]]:
        """An entry point's parameters by name, in order; none where there is no such entry point."""
        for entry in self.entry_points:
            if entry["name"] == entry_point:
                return {parameter["name"]: parameter for parameter in entry["parameters"]}
        return {}


class TrainingJob(TenantModel):
    """One launch of a training project. Its state is its operation's; it makes one MLflow run.

    `inputs` maps a parameter of type path to the dataset version that is put there, as
    `{"dataset": name, "version": number, "id": …}`. `register_as` names the model that a successful job registers.
    `made_from` is the highest sensitivity of its inputs as it was launched, empty where there are none.
    `settled_at` is when, after its end, its program was seen to have ended and its run to be closed.
    """

    number = models.PositiveIntegerField()
    source = TenantForeignKey(TrainingSource, models.PROTECT, related_name="jobs")
    operation = TenantForeignKey(Operation, models.PROTECT, related_name="training_jobs")
    entry_point = models.CharField(_("Entry point"), max_length=120)
    parameters = models.JSONField(default=dict)
    inputs = models.JSONField(default=dict)
    made_from = models.CharField(max_length=16, blank=True)
    command = models.TextField()
    experiment_name = models.CharField(_("Experiment"), max_length=200)
    register_as = models.CharField(_("Register as"), max_length=63, blank=True, validators=[NAME])
    limits = models.JSONField(default=dict)
    workload_id = models.UUIDField(null=True)
    experiment_id = models.CharField(max_length=32, blank=True)
    run_id = models.CharField(max_length=64, blank=True)
    retry_of = models.PositiveIntegerField(null=True)
    created_by_label = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["account", "number"], name="registry_trainingjob_number"),
            models.UniqueConstraint(fields=["account", "operation"], name="registry_trainingjob_operation"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["account", "run_id"], name="registry_trainingjob_run"),
            models.Index(
                fields=["created_at"],
                condition=models.Q(settled_at=None),
                name="registry_trainingjob_unsettled",
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this job."""
        return f"#{self.number} {self.source.project.name}"

    @property
    def ordered_parameters(self) -> list[tuple[str, str]]:
        """The parameters in the order in which the project declares them."""
        known = list(self.source.parameters_of(self.entry_point))
        return sorted(
            self.parameters.items(), key=lambda pair: known.index(pair[0]) if pair[0] in known else len(known)
        )
