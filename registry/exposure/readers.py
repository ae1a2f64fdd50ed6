"""Who has seen things of a lineage: the audit log's reads of them, summed up by person and thing."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Case, Count, F, Max, Min, Q, QuerySet, When

from accounts.models import AuditEvent, Outcome
from registry.exposure.lineage import Lineage, Made

# What releases data, or what a model learned from it, by the kind of thing that is read.
READS: dict[str, tuple[str, ...]] = {
    "datasetversion": ("dataset.preview", "dataset.download", "dataset.read"),
    "run": ("artifact.download", "artifact.view", "wafer.view"),
    "modelversion": ("model.example", "model.download"),
    "endpoint": ("endpoint.invoke",),
}


@dataclass(slots=True)
class Reader:
    """How often one person, themselves or through a token or a job, read one thing, and from when to when."""

    person: str
    thing: Made
    actions: list[str]
    count: int
    first_at: datetime
    last_at: datetime


def reads_of(log: QuerySet[AuditEvent], lineage: Lineage) -> QuerySet[AuditEvent]:
    """Return the records of the log that say that something of a lineage was read, and was not refused."""
    named = Q()
    for kind, actions in READS.items():
        if kind != "endpoint" and (ids := [thing.id for thing in lineage.of(kind)]):
            named |= Q(target_type=kind, target_id__in=ids, action__in=actions)
    for endpoint_id, numbers in lineage.revisions.items():
        named |= Q(
            target_type="endpoint",
            target_id=str(endpoint_id),
            action__in=READS["endpoint"],
            detail__revision__in=numbers,
        )
    # Files that MLflow's own clients take are named by path: `<experiment>/<run>/…`, `<experiment>/models/<id>/…`.
    for owner in [*lineage.runs, *lineage.logged_models]:
        named |= Q(target_type="artifact", action="artifact.download", target_id__contains=f"/{owner}/")
    return log.filter(named, outcome=Outcome.OK)


def _behind(lineage: Lineage) -> dict[str, Made]:
    return {thing.key: thing for thing in lineage.things}


def thing_of(event_type: str, event_id: str, lineage: Lineage, known: dict[str, Made]) -> Made:
    """Return the thing of the lineage that a record is about; a file belongs to its run or model."""
    if event_type == "artifact":
        for part in event_id.split("/"):
            if part in lineage.logged_models:
                return lineage.logged_models[part]
            if f"run:{part}" in known:
                return known[f"run:{part}"]
    return known.get(f"{event_type}:{event_id}") or Made(event_type, event_id, event_id)


def readers_of(reads: QuerySet[AuditEvent], lineage: Lineage) -> list[Reader]:
    """Return person × thing: the nearest to the data first, then who read most."""
    rows = (
        reads.order_by()
        .annotate(person=Case(When(~Q(on_behalf_of=""), then=F("on_behalf_of")), default=F("actor_label")))
        .values("person", "target_type", "target_id")
        .annotate(
            count=Count("id"),
            first_at=Min("at"),
            last_at=Max("at"),
            actions=ArrayAgg("action", distinct=True),
        )
    )
    known, found = _behind(lineage), dict[tuple[str, str], Reader]()
    for row in rows:
        thing = thing_of(row["target_type"], row["target_id"], lineage, known)
        reader = found.get((row["person"], thing.key))
        if reader is None:
            reader = Reader(
                row["person"], thing, row["actions"], row["count"], row["first_at"], row["last_at"]
            )
            found[row["person"], thing.key] = reader
            continue
        reader.actions = sorted({*reader.actions, *row["actions"]})
        reader.count += row["count"]
        reader.first_at = min(reader.first_at, row["first_at"])
        reader.last_at = max(reader.last_at, row["last_at"])
    places = {thing.key: place for place, thing in enumerate(lineage.things)}
    return sorted(
        found.values(),
        key=lambda each: (places.get(each.thing.key, len(places)), -each.count, each.person),
    )
