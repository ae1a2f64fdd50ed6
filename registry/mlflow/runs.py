"""Experiments, runs and metrics."""

import math
from collections.abc import Iterable, Iterator, Sequence

from django.utils.translation import gettext as _

from accounts.errors import Conflict, NotFound
from registry.mlflow.entities import Experiment, Metric, Page, Run
from registry.mlflow.session import V2, Pairs, Session, listed, page_token

_HISTORY_PAGE = 10_000


def _number(value: float) -> float | str:
    """JSON has no NaN and no infinities: MLflow takes their names."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


class Runs(Session):
    """What an account tracks."""

    __slots__ = ()

    # Experiments

    def ensure_experiment(self, name: str, tags: Pairs | None = None) -> Experiment:
        """Return the experiment of this name, made if there is none; `Conflict` where one of that name is
        deleted.
        """
        found = self.find_experiment(name)
        if found is None:
            try:
                made = self.send("POST", f"{V2}/experiments/create", name=name, tags=listed(tags))
            except Conflict:
                found = self.find_experiment(name)  # another process was faster
            else:
                return self.experiment(str(made["experiment_id"]))
        if found is None or found.lifecycle_stage != "active":
            raise Conflict(
                "experiment.deleted",
                _("The experiment “%(name)s” is deleted. Restore it, or choose another name.")
                % {"name": name},
            )
        return found

    def find_experiment(self, name: str) -> Experiment | None:
        """Return the experiment of this name, deleted ones included, or None."""
        try:
            return Experiment.of(
                self.get(f"{V2}/experiments/get-by-name", experiment_name=name)["experiment"]
            )
        except NotFound:
            return None

    def experiment(self, experiment_id: str) -> Experiment:
        """Return one experiment."""
        return Experiment.of(self.get(f"{V2}/experiments/get", experiment_id=experiment_id)["experiment"])

    def search_experiments(
        self, filter: str = "", *, limit: int = 100, token: str = "", deleted: bool = False
    ) -> Page[Experiment]:
        """Return a page of experiments, the last changed first; `filter` in MLflow's language."""
        found = self.send(
            "POST",
            f"{V2}/experiments/search",
            filter=filter,
            max_results=limit,
            page_token=page_token(token),
            order_by=["last_update_time DESC"],
            view_type="DELETED_ONLY" if deleted else "ACTIVE_ONLY",
        )
        return Page(
            [Experiment.of(item) for item in found.get("experiments", ())], found.get("next_page_token", "")
        )

    # Runs

    def create_run(
        self, experiment_id: str, name: str, *, tags: Pairs | None = None, started_ms: int = 0
    ) -> Run:
        """Start a run; `started_ms` is milliseconds since 1970."""
        made = self.send(
            "POST",
            f"{V2}/runs/create",
            experiment_id=experiment_id,
            run_name=name,
            start_time=started_ms,
            tags=listed(tags),
        )
        return Run.of(made["run"])

    def run(self, run_id: str) -> Run:
        """Return one run."""
        return Run.of(self.get(f"{V2}/runs/get", run_id=run_id)["run"])

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter: str = "",
        *,
        order_by: Sequence[str] = ("attributes.start_time DESC",),
        limit: int = 100,
        token: str = "",
        deleted: bool = False,
    ) -> Page[Run]:
        """Return a page of runs of some experiments; none of them gives an empty page, not every run."""
        if not experiment_ids:
            return Page([])
        found = self.send(
            "POST",
            f"{V2}/runs/search",
            experiment_ids=list(experiment_ids),
            filter=filter,
            order_by=list(order_by),
            max_results=limit,
            page_token=page_token(token),
            run_view_type="DELETED_ONLY" if deleted else "ACTIVE_ONLY",
        )
        return Page([Run.of(item) for item in found.get("runs", ())], found.get("next_page_token", ""))

    def metric_history(self, run_id: str, key: str) -> Iterator[Metric]:
        """Yield every value logged for a metric, page by page, in MLflow's order (time, step)."""
        token = ""
        while True:
            found = self.get(
                f"{V2}/metrics/get-history",
                run_id=run_id,
                metric_key=key,
                max_results=_HISTORY_PAGE,
                page_token=token,
            )
            yield from map(Metric.of, found.get("metrics", ()))
            token = found.get("next_page_token", "")
            if not token:
                return

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Iterable[tuple[str, float, int, int]] = (),
        params: Pairs | None = None,
        tags: Pairs | None = None,
    ) -> None:
        """Log metrics (key, value, milliseconds since 1970, step), parameters and tags; at most 1000 metrics
        at once.
        """
        self.send(
            "POST",
            f"{V2}/runs/log-batch",
            run_id=run_id,
            metrics=[
                {"key": key, "value": _number(value), "timestamp": at, "step": step}
                for key, value, at, step in metrics
            ],
            params=listed(params),
            tags=listed(tags),
        )

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set one tag of a run."""
        self.send("POST", f"{V2}/runs/set-tag", run_id=run_id, key=key, value=value)

    def update_run(
        self, run_id: str, *, status: str | None = None, ended_ms: int | None = None, name: str | None = None
    ) -> None:
        """Change a run's status (RUNNING, FINISHED, FAILED, KILLED), end or name."""
        self.send("POST", f"{V2}/runs/update", run_id=run_id, status=status, end_time=ended_ms, run_name=name)

    def set_terminated(self, run_id: str, status: str, ended_ms: int) -> None:
        """End a run that has not ended; one that has keeps its status and end."""
        if self.run(run_id).status in ("RUNNING", "SCHEDULED"):
            self.update_run(run_id, status=status, ended_ms=ended_ms)

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted."""
        self.send("POST", f"{V2}/runs/delete", run_id=run_id)
