"""What the gateway writes to the audit log."""

from uuid import uuid4

from tests.mlflow.conftest import Tenant
from tests.mlflow.test_walls import V2, post


def test_changes_are_recorded_one_by_one(b: Tenant) -> None:
    name = f"recorded-{uuid4().hex[:6]}"
    post(b, f"{V2}/registered-models/create", name=name)
    assert b.call("POST", f"{V2}/registered-models/create", json={"name": name}).status_code == 400
    assert b.call("DELETE", f"{V2}/registered-models/delete", json={"name": name}).status_code == 200
    events = [event for event in b.events() if event["target_label"] == name]
    found = [(event["action"], event["outcome"]) for event in events]
    assert found == [
        ("model.create", "ok"),
        ("model.create", "ok"),  # asked for again,
        ("model.create", "failed"),  # and refused by MLflow
        ("model.delete", "ok"),
    ]
    assert events[0]["target_type"] == "model"


def test_logging_is_recorded_once_per_run_and_actor(b: Tenant) -> None:
    experiment = post(b, f"{V2}/experiments/create", name=f"quiet-{uuid4().hex[:6]}")["experiment_id"]
    run = post(b, f"{V2}/runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    for step in range(20):
        post(b, f"{V2}/runs/log-metric", run_id=run, key="m", value=1.0, timestamp=1, step=step)
    events = [event for event in b.events("run.log") if event["target_id"] == run]
    assert len(events) == 1
    assert events[0]["target_type"] == "run"


def test_every_reading_is_recorded(b: Tenant) -> None:
    before = [event["outcome"] for event in b.events("mlflow.read")].count("ok")
    for _index in range(5):
        assert b.call("GET", f"{V2}/experiments/search?max_results=1").status_code == 200
    assert [event["outcome"] for event in b.events("mlflow.read")].count("ok") == before + 5


def test_unlisted_calls_are_denied_on_record(b: Tenant) -> None:
    assert b.call("GET", "/api/3.0/mlflow/workspaces").status_code == 404
    assert any(event["outcome"] == "denied" for event in b.events("mlflow.read"))


def test_nothing_happens_that_cannot_be_recorded(b: Tenant) -> None:
    import psycopg
    from django.conf import settings

    sockets = settings.LOCATIONS.postgres_sockets
    address = f"postgresql://portal_superuser@/{b.portal.database}?host={sockets}&port=5432"
    name = f"unrecorded-{uuid4().hex[:6]}"
    experiment = post(b, f"{V2}/experiments/create", name=f"dead-sink-{uuid4().hex[:6]}")["experiment_id"]
    run = post(b, f"{V2}/runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/x.txt"
    assert b.call("PUT", path, content=b"secret yield").status_code == 200
    with psycopg.connect(address, autocommit=True) as superuser:
        superuser.execute(
            "ALTER TABLE portal.accounts_auditevent ADD CONSTRAINT full_up CHECK (false) NOT VALID"
        )
        try:
            refused = b.call("POST", f"{V2}/registered-models/create", json={"name": name})
            download = b.call("GET", path)
        finally:
            superuser.execute("ALTER TABLE portal.accounts_auditevent DROP CONSTRAINT full_up")
    assert refused.status_code == 503
    assert download.status_code == 503
    assert b"secret yield" not in download.content
    assert b.call("GET", f"{V2}/registered-models/get?name={name}").status_code == 404
