"""What one tenant's client can do with another's ids, and what hostile requests get."""

import socket
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from registry.mlflow.workspaces import workspace_of
from tests.mlflow.conftest import Tenant

V2 = "/api/2.0/mlflow"
V3 = "/api/3.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


@dataclass(frozen=True)
class Things:
    """What Fab A has, known to Fab B by its ids."""

    experiment: str
    run: str
    model: str
    trace: str
    artifact: str
    dataset: str


def post(tenant: Tenant, path: str, token: str = "", **body: Any) -> Any:
    answer = tenant.call("POST", path, token, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def trace_of(experiment: str, trace: str, tags: dict[str, str]) -> dict[str, Any]:
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {
        "trace_id": trace,
        "trace_location": location,
        "request_time": "2026-01-01T00:00:00Z",
        "state": "OK",
        "tags": tags,
    }
    return {"trace": {"trace_info": info}}


def make(tenant: Tenant) -> Things:
    name = f"walls-{uuid4().hex[:6]}"
    experiment = post(tenant, f"{V2}/experiments/create", name=name)["experiment_id"]
    run = post(tenant, f"{V2}/runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    logged = post(tenant, f"{V2}/logged-models", experiment_id=experiment, name="m", source_run_id=run)
    artifact = f"{experiment}/{run}/artifacts/secret.txt"
    assert tenant.call("PUT", f"{FILES}/{artifact}", content=b"die map").status_code == 200
    trace = f"tr-{uuid4().hex}"
    post(tenant, f"{V3}/traces", **trace_of(experiment, trace, {}))
    dataset = post(tenant, f"{V3}/datasets/create", name=name, experiment_ids=[experiment])["dataset"][
        "dataset_id"
    ]
    post(tenant, f"{V2}/registered-models/create", name="walls-model")
    post(
        tenant,
        f"{V2}/model-versions/create",
        name="walls-model",
        source=f"mlflow-artifacts:/workspaces/{workspace_of(tenant.account)}/{experiment}/{run}/artifacts/m",
        run_id=run,
    )
    return Things(experiment, run, logged["model"]["info"]["model_id"], trace, artifact, dataset)


@pytest.fixture(scope="module")
def theirs(a: Tenant) -> Things:
    return make(a)


@pytest.fixture(scope="module")
def own(b: Tenant) -> Things:
    return make(b)


def attempts(theirs: Things, own: Things, workspace: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Every way in which Fab B may name something of Fab A's."""
    metric = {"key": "m", "value": 1, "timestamp": 1, "step": 0}
    model_version = {"name": "walls-model", "run_id": theirs.run}
    source = f"mlflow-artifacts:/workspaces/{workspace}/{theirs.experiment}/{theirs.run}/artifacts/m"
    return [
        ("GET", f"{V2}/experiments/get?experiment_id={theirs.experiment}", {}),
        ("POST", f"{V2}/experiments/update", {"experiment_id": theirs.experiment, "new_name": "x"}),
        ("POST", f"{V2}/experiments/delete", {"experiment_id": theirs.experiment}),
        (
            "POST",
            f"{V2}/experiments/set-experiment-tag",
            {"experiment_id": theirs.experiment, "key": "k", "value": "v"},
        ),
        ("GET", f"{V2}/runs/get?run_id={theirs.run}", {}),
        ("GET", f"{V2}/metrics/get-history?run_id={theirs.run}&metric_key=m", {}),
        ("GET", f"{V2}/metrics/get-history-bulk-interval?run_ids={theirs.run}&metric_key=m", {}),
        ("GET", f"{V2}/artifacts/list?run_id={theirs.run}", {}),
        ("POST", f"{V2}/runs/create", {"experiment_id": theirs.experiment}),
        ("POST", f"{V2}/runs/update", {"run_id": theirs.run, "status": "FAILED"}),
        ("POST", f"{V2}/runs/update", {"run_uuid": theirs.run, "status": "FAILED"}),
        ("POST", f"{V2}/runs/update", {"runId": theirs.run, "status": "FAILED"}),
        ("POST", f"{V2}/runs/delete", {"run_id": theirs.run}),
        ("POST", f"{V2}/runs/log-metric", {"run_id": theirs.run, **metric}),
        ("POST", f"{V2}/runs/log-metric", {"run_id": own.run, **metric, "model_id": theirs.model}),
        ("POST", f"{V2}/runs/log-metric", {"run_id": own.run, **metric, "modelId": theirs.model}),
        (
            "POST",
            f"{V2}/runs/log-batch",
            {"run_id": own.run, "metrics": [{**metric, "model_id": theirs.model}]},
        ),
        ("POST", f"{V2}/runs/log-batch", {"run_id": theirs.run, "metrics": [metric]}),
        ("POST", f"{V2}/runs/log-parameter", {"run_id": theirs.run, "key": "k", "value": "v"}),
        ("POST", f"{V2}/runs/set-tag", {"run_id": theirs.run, "key": "k", "value": "v"}),
        (
            "POST",
            f"{V2}/runs/outputs",
            {"run_id": own.run, "models": [{"model_id": theirs.model, "step": 0}]},
        ),
        ("POST", f"{V2}/runs/log-inputs", {"run_id": own.run, "models": [{"model_id": theirs.model}]}),
        (
            "POST",
            f"{V2}/logged-models",
            {"experiment_id": own.experiment, "name": "m", "source_run_id": theirs.run},
        ),
        ("POST", f"{V2}/logged-models", {"experiment_id": theirs.experiment, "name": "m"}),
        ("GET", f"{V2}/logged-models/{theirs.model}", {}),
        ("PATCH", f"{V2}/logged-models/{theirs.model}", {"model_id": theirs.model, "status": 2}),
        ("PATCH", f"{V2}/logged-models/{theirs.model}/tags", {"tags": [{"key": "k", "value": "v"}]}),
        ("DELETE", f"{V2}/logged-models/{theirs.model}", {}),
        ("GET", f"{V2}/logged-models/{theirs.model}/artifacts/directories", {}),
        ("POST", f"{V2}/model-versions/create", {**model_version, "source": source}),
        ("POST", f"{V2}/model-versions/create", {**model_version, "source": f"runs:/{theirs.run}/m"}),
        ("POST", f"{V2}/model-versions/create", {"name": "walls-model", "source": f"models:/{theirs.model}"}),
        (
            "POST",
            f"{V2}/model-versions/create",
            {"name": "walls-model", "source": f"models:/{theirs.model}", "model_id": theirs.model},
        ),
        ("GET", f"{FILES}/{theirs.artifact}", {}),
        ("GET", f"{FILES}/workspaces/{workspace}/{theirs.artifact}", {}),
        ("PUT", f"{FILES}/workspaces/{workspace}/{theirs.artifact}", {}),
        ("DELETE", f"{FILES}/workspaces/{workspace}/{theirs.artifact}", {}),
        ("GET", f"{FILES}?path=workspaces/{workspace}", {}),
        ("GET", f"{FILES}?path=workspaces/{workspace}/{theirs.experiment}", {}),
        ("GET", f"{V3}/traces/{theirs.trace}", {}),
        ("PATCH", f"{V3}/traces/{theirs.trace}/tags", {"key": "k", "value": "v"}),
        ("PATCH", f"{V2}/traces/{theirs.trace}/tags", {"key": "k", "value": "v"}),
        ("POST", f"{V3}/traces", trace_of(theirs.experiment, f"tr-{uuid4().hex}", {})),
        ("POST", f"{V3}/traces", trace_of(own.experiment, theirs.trace, {})),
        ("GET", f"{V3}/datasets/{theirs.dataset}", {}),
        ("GET", f"{V3}/datasets/{theirs.dataset}/records", {}),
        ("POST", f"{V3}/datasets/{theirs.dataset}/records", {"records": "[]"}),
        ("DELETE", f"{V3}/datasets/{theirs.dataset}", {}),
        ("POST", f"{V3}/datasets/{own.dataset}/add-experiments", {"experiment_ids": [theirs.experiment]}),
    ]


def test_nothing_of_another_tenant_can_be_named(a: Tenant, b: Tenant, theirs: Things, own: Things) -> None:
    before = a.call("GET", f"{V2}/runs/get?run_id={theirs.run}").json()
    model = a.call("GET", f"{V2}/logged-models/{theirs.model}").json()
    for method, path, body in attempts(theirs, own, workspace_of(a.account)):
        kwargs: dict[str, Any] = {"json": body} if method != "GET" else {}
        answer = b.call(method, path, headers={"X-MLFLOW-WORKSPACE": workspace_of(a.account)}, **kwargs)
        assert answer.status_code in (400, 404), (method, path, body, answer.status_code, answer.text)
        assert "die map" not in answer.text
        assert workspace_of(a.account) not in answer.text or workspace_of(a.account) in path, answer.text
    assert a.call("GET", f"{V2}/runs/get?run_id={theirs.run}").json() == before
    assert a.call("GET", f"{V2}/logged-models/{theirs.model}").json() == model
    assert a.call("GET", f"{FILES}/{theirs.artifact}").content == b"die map"


def test_searches_stay_at_home(a: Tenant, b: Tenant, theirs: Things, own: Things) -> None:
    both = [theirs.experiment, own.experiment]
    headers = {"X-MLFLOW-WORKSPACE": workspace_of(a.account)}
    found = b.call("POST", f"{V2}/runs/search", json={"experiment_ids": both}, headers=headers).json()
    assert {run["info"]["run_id"] for run in found["runs"]} == {own.run}
    found = b.call(
        "POST", f"{V2}/logged-models/search", json={"experiment_ids": both}, headers=headers
    ).json()
    assert {model["info"]["model_id"] for model in found["models"]} == {own.model}
    locations = [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": e}} for e in both]
    found = b.call("POST", f"{V3}/traces/search", json={"locations": locations}, headers=headers).json()
    assert {trace["trace_id"] for trace in found["traces"]} == {own.trace}
    body = {"trace_ids": [theirs.trace, own.trace]}
    found = b.call("POST", f"{V3}/traces/batchGetInfos", json=body, headers=headers).json()
    assert {trace["trace_id"] for trace in found["trace_infos"]} == {own.trace}
    found = b.call("POST", f"{V3}/datasets/search", json={"experiment_ids": both}, headers=headers).json()
    assert {dataset["dataset_id"] for dataset in found["datasets"]} == {own.dataset}
    found = b.call("POST", f"{V2}/experiments/search", json={"max_results": 1000}, headers=headers).json()
    assert theirs.experiment not in {experiment["experiment_id"] for experiment in found["experiments"]}
    found = b.call("GET", f"{V2}/model-versions/search", headers=headers).json()
    assert {version["run_id"] for version in found["model_versions"]} == {own.run}
    body = {
        "experiment_id": own.experiment,
        "request_ids": [theirs.trace],
        "max_timestamp_millis": 9999999999999,
    }
    assert b.call("POST", f"{V3}/traces/delete-traces", json=body).json().get("traces_deleted", 0) == 0
    assert a.call("GET", f"{V3}/traces/{theirs.trace}").status_code == 200


def test_another_tenants_token_does_not_open_the_project(a: Tenant, b: Tenant) -> None:
    path = f"{V2}/experiments/search?max_results=5"
    assert a.call("GET", path, token=b.owner).status_code == 404
    assert a.call("GET", path, token="mlp_nonsense").status_code == 401
    assert a.call("GET", path, headers={"Authorization": ""}).status_code == 401
    nobody = replace(a, slug="nobody-abc123")
    assert nobody.call("GET", path).json() == _renamed(
        a.call("GET", path, token=b.owner).json(), a.slug, nobody.slug
    )


def _renamed(document: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {name: value.replace(old, new) for name, value in document.items()}


def test_a_viewer_reads_and_writes_nothing(a: Tenant, theirs: Things) -> None:
    assert a.call("GET", f"{V2}/runs/get?run_id={theirs.run}", token=a.viewer).status_code == 200
    body = {"run_id": theirs.run, "key": "k", "value": "v"}
    answer = a.call("POST", f"{V2}/runs/set-tag", token=a.viewer, json=body)
    assert answer.status_code == 403
    assert "mlflow.write" in answer.json()["message"]
    answer = a.call("POST", f"{V2}/registered-models/create", token=a.viewer, json={"name": "x"})
    assert answer.status_code == 403
    assert "model.write" in answer.json()["message"]
    assert a.call("PUT", f"{FILES}/{theirs.artifact}", token=a.viewer, content=b"x").status_code == 403


HOSTILE = [
    *(
        ("GET", f"{FILES}/{path}")
        for path in (
            "../../etc/passwd",
            "%2e%2e/%2e%2e/etc/passwd",
            "1/..%2f..%2fetc/passwd",
            "1/%252e%252e/x",
            "1//x",
            "/etc/passwd",
            "1/x/",
            "1\\..\\x",
            "1/%5c..%5cx",
            "file:///etc/passwd",
            "1/a%00b",
            "1/a%0ab",
            "workspaces",
            "workspaces/",
            "workspaces/default/0/x",
            "./1/x",
        )
    ),
    ("PUT", f"{FILES}/1"),
    ("PUT", f"{FILES}/1/x"),
    ("DELETE", f"{FILES}/1"),
    ("DELETE", f"{FILES}/1/x"),
    ("GET", f"{FILES}?path=../.."),
    ("GET", f"{FILES}?path=/etc"),
    ("GET", f"{FILES}?path=%252e%252e"),
    ("GET", f"{FILES}?path=workspaces/default"),
    ("GET", f"{V2}/artifacts/list?run_id=x&path=../../x"),
    ("GET", "/api/2.0/mlflow/../mlflow/experiments/search"),
    ("GET", "//api/2.0/mlflow/experiments/search"),
    ("GET", f"{V2}/experiments/search/"),
    ("GET", "/ajax-api/2.0/mlflow/experiments/search"),
    ("GET", "/ajax-api/3.0/mlflow/get-trace-artifact?request_id=x"),
    ("GET", "/get-artifact?run_id=x&path=y"),
    ("GET", "/model-versions/get-artifact?name=x&version=1&path=y"),
    ("POST", "/graphql"),
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/version"),
    ("POST", "/v1/traces"),
    ("GET", f"{V3}/workspaces"),
    ("POST", f"{V3}/workspaces"),
    ("DELETE", f"{V3}/workspaces/default?mode=CASCADE"),
    ("POST", f"{V2}/webhooks"),
    ("GET", f"{V3}/gateway/secrets/list"),
    ("POST", f"{V3}/scorers/register"),
    ("POST", f"{V3}/prompt-optimization/jobs"),
    ("POST", "/ajax-api/3.0/jobs/"),
    ("POST", "/gateway/mlflow/v1/chat/completions"),
    ("GET", "/ajax-api/3.0/mlflow/assistant/config"),
    ("GET", "/api/3.0/mlflow/mcp-servers"),
    ("HEAD", f"{V2}/experiments/search"),
    ("OPTIONS", f"{V2}/experiments/search"),
    ("TRACE", f"{V2}/experiments/search"),
    ("POST", f"{V2}/experiments/get"),
]


def raw(tenant: Tenant, method: str, path: str) -> int:
    """Send a path below the gateway exactly as it is written; returns the status."""
    return raw_at(tenant, method, f"/mlflow{path}")


def raw_at(tenant: Tenant, method: str, path: str) -> int:
    """Send a path below the project exactly as it is written; returns the status."""
    address = urlsplit(tenant.portal.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        head = (
            f"{method} /api/v1/projects/{tenant.slug}{path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: Bearer {tenant.owner}\r\nContent-Length: 2\r\nContent-Type: application/json\r\n"
            "Connection: close\r\n\r\n{}"
        )
        connection.sendall(head.encode("latin-1"))
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(("method", "path"), HOSTILE)
def test_hostile_and_unlisted_calls_are_refused(b: Tenant, own: Things, method: str, path: str) -> None:
    status = raw(b, method, path)
    assert status in (400, 404, 405), status


def test_dots_do_not_turn_a_call_into_another(b: Tenant, own: Things) -> None:
    assert raw(b, "DELETE", f"{V2}/logged-models/{own.model}/tags/..") == 400
    assert raw(b, "DELETE", f"{V3}/datasets/{own.dataset}/tags/..") == 400
    assert raw(b, "GET", f"{V2}/logged-models/{own.model}/.") == 400
    assert b.call("GET", f"{V2}/logged-models/{own.model}").status_code == 200
    assert b.call("GET", f"{V3}/datasets/{own.dataset}").status_code == 200


def test_a_runs_file_is_below_its_run(b: Tenant, own: Things) -> None:
    climbs = [
        "../" * depth + target for depth in range(1, 12) for target in ("api/3.0/mlflow/workspaces", "x")
    ]
    for path in [*climbs, "./x", "a//b", "%2e%2e/x", "workspaces/../../x"]:
        encoded = path.replace("/", "%2f")
        for written in (path, encoded, encoded.replace("..", "%2e%2e")):
            status = raw_at(b, "GET", f"/runs/{own.run}/artifacts/{written}")
            assert status in (400, 404), (written, status)


REFUSED_SOURCES = [
    "s3://bucket/x", "file:///etc", "/etc", "http://evil/x", "gs://b/x", "dbfs:/x", "ftp://e/x", "runs:/x/m",
    "mlflow-artifacts://elsewhere/workspaces/x", "mlflow-artifacts:/workspaces/default/0/x/artifacts",
    "models://elsewhere/x/1", "mlflow-artifacts:/1/../../x", "runs:/%s/../x", "", "hdfs://n/x",
    "dummy-source",
]  # fmt: skip


@pytest.mark.parametrize("source", REFUSED_SOURCES)
def test_a_model_version_lies_in_its_project(b: Tenant, own: Things, source: str) -> None:
    for extra in ({}, {"run_id": own.run}, {"model_id": own.model}):
        body = {"name": "walls-model", "source": source.replace("%s", own.run), **extra}
        answer = b.call("POST", f"{V2}/model-versions/create", json=body)
        assert answer.status_code in (400, 404), answer.text


@pytest.mark.parametrize(
    "tags",
    [
        {"mlflow.artifactLocation": "file:///etc"},
        {"mlflow.trace.spansLocation": "ARCHIVE_REPO"},
        {"mlflow.trace.archiveLocation": "mlflow-artifacts:/workspaces/other/1/traces/x"},
    ],
)
def test_a_trace_cannot_be_pointed_at_other_files(b: Tenant, own: Things, tags: dict[str, str]) -> None:
    body = trace_of(own.experiment, f"tr-{uuid4().hex}", tags)
    assert b.call("POST", f"{V3}/traces", json=body).status_code == 400
    camel = {"trace": {"traceInfo": body["trace"]["trace_info"]}}
    assert b.call("POST", f"{V3}/traces", json=camel).status_code == 400
    for key, value in tags.items():
        tag = {"key": key, "value": value}
        for version in (V2, V3):
            assert b.call("PATCH", f"{version}/traces/{own.trace}/tags", json=tag).status_code == 400
            assert b.call("DELETE", f"{version}/traces/{own.trace}/tags", json=tag).status_code == 400


def test_bodies_are_objects_of_bounded_size(b: Tenant, own: Things) -> None:
    path = f"{V2}/runs/set-tag"
    body = {"run_id": own.run, "key": "k", "value": "v"}
    assert b.call("POST", path, content=b'"{\\"run_id\\": 1}"').status_code == 400
    assert b.call("POST", path, content=b"[]").status_code == 400
    assert b.call("POST", path, content=b"{").status_code == 400
    assert b.call("POST", path, content=b"[" * 100_000).status_code == 400
    assert b.call("POST", path, json={**body, "runId": own.run}).status_code == 400
    assert b.call("POST", path, json={**body, "run_id": ["x"]}).status_code == 400
    assert b.call("POST", path, content=b" " * (17 * 1024 * 1024)).status_code == 413
    assert b.call("POST", path, json=body, headers={"Content-Encoding": "gzip"}).status_code == 415
    assert b.call("POST", path, json=body).status_code == 200
    artifact = {"name": "x", "artifact_location": "file:///tmp"}
    assert b.call("POST", f"{V2}/experiments/create", json=artifact).status_code == 400


def test_errors_name_nothing_of_the_server(b: Tenant, own: Things) -> None:
    post(b, f"{V2}/registered-models/create", name="twice")
    answers = [
        b.call("POST", f"{V2}/registered-models/create", json={"name": "twice"}),
        b.call("GET", f"{FILES}/{own.experiment}/{own.run}/artifacts/missing"),
        b.call("GET", f"{FILES}/{own.experiment}/{own.run}/artifacts"),
        b.call("GET", f"{FILES}/{own.artifact}/deeper"),
        b.call("PUT", f"{FILES}/{own.artifact}/deeper", content=b"x"),
        b.call("POST", f"{V2}/runs/search", json={"experiment_ids": ["99999999999999999999"]}),
        b.call(
            "POST", f"{V2}/runs/search", json={"experiment_ids": [own.experiment], "filter": "nonsense ((("}
        ),
        b.call(
            "POST",
            f"{V2}/runs/log-batch",
            json={"run_id": own.run, "params": [{"key": "x\x00", "value": "y"}]},
        ),
    ]
    for answer in answers:
        assert answer.status_code >= 400, answer.request.url
        text = answer.text.lower()
        for word in (
            "/tmp",
            "/work",
            "site-packages",
            "psycopg",
            "sqlalchemy",
            "insert into",
            "traceback",
            "portal_mlflow",
        ):
            assert word not in text, (word, answer.text)
        assert set(answer.json()) >= {"error_code", "message"}
