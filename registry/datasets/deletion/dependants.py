"""What was made of data that somebody wants to delete, and whether a second person has to agree."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from accounts.errors import NotFound, PortalError
from registry.datasets.sensitivity import GUARDED
from registry.exposure.lineage import Made, lineage_of
from registry.mlflow.client import Mlflow
from registry.mlflow.protection import protected_among
from registry.models import Dataset, DatasetDeletion, DatasetVersion

KINDS = ("trainingjob", "run", "modelversion", "endpoint")


@dataclass(slots=True)
class Dependants:
    """What was made of some versions; `protected` are the aliases that point to a model made of them.

    None of it is deleted along. `complete` is false where MLflow could not tell everything.
    """

    things: list[Made] = field(default_factory=list)
    protected: list[str] = field(default_factory=list)
    guarded: bool = False
    complete: bool = True
    deletion: DatasetDeletion | None = None

    @property
    def needs_approval(self) -> bool:
        """Whether a second person decides: also where nobody can tell what hangs on it."""
        return self.guarded or bool(self.protected) or not self.complete

    def of(self, kind: str) -> list[Made]:
        """The things of one kind."""
        return [thing for thing in self.things if thing.kind == kind]


def dependants_of(dataset: Dataset, versions: Iterable[DatasetVersion]) -> Dependants:
    """Return what was made of these versions of a dataset; in the account's scope."""
    found = Dependants(guarded=dataset.sensitivity in GUARDED)
    seen: dict[str, Made] = {}
    for version in versions:
        lineage = lineage_of(version)
        found.complete = found.complete and lineage.complete
        for thing in lineage.things[1:]:
            seen.setdefault(thing.key, thing)
    found.things = list(seen.values())
    try:
        found.protected = _protected(dataset, found.of("modelversion"))
    except PortalError as error:
        if error.status < 500:
            raise
        found.complete = False
    return found


def _protected(dataset: Dataset, versions: list[Made]) -> list[str]:
    mlflow, labels = Mlflow(dataset.account_id), []
    wanted: dict[str, set[int]] = {}
    for made in versions:
        name, _slash, number = made.id.rpartition("/")
        wanted.setdefault(name, set()).add(int(number))
    for name, numbers in sorted(wanted.items()):
        try:
            aliases = mlflow.model(name).aliases
        except NotFound:
            continue  # the model is gone: no alias of it points anywhere
        pointing = {alias for alias, number in aliases.items() if number in numbers}
        labels += [f"{name}@{alias}" for alias in sorted(protected_among([name], pointing))]
    return labels
