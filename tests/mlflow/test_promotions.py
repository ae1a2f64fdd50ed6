"""Protected aliases: stock clients are refused and told where to ask; the portal moves the alias after a second yes."""

from typing import Any

import pytest

from tests.mlflow.conftest import Tenant

V2 = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"

MODEL = """
import json, mlflow
from mlflow.models import infer_signature
import numpy as np
from sklearn.linear_model import LogisticRegression

mlflow.set_experiment("promoted")
x = np.arange(12.0).reshape(6, 2); y = np.array([0, 1] * 3)
for c in (0.5, 0.95):
    with mlflow.start_run(run_name=f"c-{c}"):
        mlflow.log_metric("f1", c)
        model = LogisticRegression(C=c).fit(x, y)
        signature = infer_signature(x, y) if c < 0.9 else None
        mlflow.sklearn.log_model(model, name="m", registered_model_name="promoted", signature=signature)
print(json.dumps("done"))
"""

TRY = """
import json
from mlflow import MlflowClient
from mlflow.exceptions import RestException

client, NAME, answers = MlflowClient(), "{name}", {{}}
def attempt(what, call, *args):
    try:
        call(*args)
    except RestException as error:
        answers[what] = [error.error_code, str(error)]
    else:
        answers[what] = "done"
attempt("set", client.set_registered_model_alias, NAME, "champion", "2")
attempt("remove", client.delete_registered_model_alias, NAME, "champion")
attempt("delete version", client.delete_model_version, NAME, "1")
attempt("delete model", client.delete_registered_model, NAME)
attempt("rename", client.rename_registered_model, NAME, NAME + "-2")
attempt("another alias", client.set_registered_model_alias, NAME, "challenger", "2")
attempt("another version", client.delete_model_version, NAME, "3")
found = client.get_registered_model(NAME)
print(json.dumps({{"answers": answers, "aliases": {{k: int(v) for k, v in found.aliases.items()}}}}))
"""


def make_model(tenant: Tenant, name: str, *values: float) -> None:
    """A model with a version for each value of its run's metric; the first one is champion."""
    made = tenant.call("POST", f"{V2}/experiments/create", json={"name": name}).json()
    tenant.call("POST", f"{V2}/registered-models/create", json={"name": name}).raise_for_status()
    for value in values or (0.5, 0.75):
        run = {"experiment_id": made["experiment_id"], "run_name": f"c-{value}", "start_time": 1}
        run_id = tenant.call("POST", f"{V2}/runs/create", json=run).json()["run"]["info"]["run_id"]
        metric = {"run_id": run_id, "key": "f1", "value": value, "timestamp": 1, "step": 0}
        tenant.call("POST", f"{V2}/runs/log-metric", json=metric).raise_for_status()
        version = {"name": name, "source": f"runs:/{run_id}/model", "run_id": run_id}
        tenant.call("POST", f"{V2}/model-versions/create", json=version).raise_for_status()
    tenant.api("PUT", f"models/{name}/aliases/champion", json={"version": 1}).raise_for_status()


def run_of(tenant: Tenant, name: str, version: int) -> str:
    """Where a version's run keeps its files, as `<experiment>/<run>`."""
    found = tenant.call(
        "GET", f"{V2}/model-versions/get", params={"name": name, "version": str(version)}
    ).json()
    run_id = found["model_version"]["run_id"]
    run = tenant.call("GET", f"{V2}/runs/get", params={"run_id": run_id}).json()["run"]
    return f"{run['info']['experiment_id']}/{run_id}"


def protect(tenant: Tenant, name: str) -> str:
    """Protect `champion` of a model; the protection's id."""
    answer = tenant.api("POST", "protected-aliases", json={"alias": "champion", "model": name})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ask(tenant: Tenant, name: str, version: int | None, token: str = "") -> dict[str, Any]:
    body = {"model": name, "alias": "champion", "version": version, "reason": "Better on lot 7."}
    answer = tenant.api("POST", "promotions", token, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def approve(tenant: Tenant, promotion: dict[str, Any]) -> dict[str, Any]:
    """A second person says yes; the promotion as it is then."""
    answer = tenant.api("POST", f"approvals/{promotion['request']}/approve", tenant.second, json={})
    assert answer.status_code == 200, answer.text
    return dict(tenant.api("GET", f"promotions/{promotion['id']}").json())


def champion(tenant: Tenant, name: str) -> int | None:
    found: int | None = tenant.api("GET", f"models/{name}").json()["aliases"].get("champion")
    return found


@pytest.fixture(scope="module")
def yields(a: Tenant) -> str:
    make_model(a, "guarded", 0.5, 0.75, 1.0)
    protect(a, "guarded")
    return "guarded"


def test_a_stock_client_is_refused_and_told_where_to_ask(a: Tenant, yields: str) -> None:
    found = a.client(TRY.format(name=yields))
    answers = found["answers"]
    for what in ("set", "remove", "delete version", "delete model", "rename"):
        code, said = answers[what]
        assert code == "PERMISSION_DENIED", (what, said)
        assert "Nothing was changed" in said
        assert f"/projects/{a.slug}/models/{yields}/promote/?alias=champion" in said
    assert "version=2" in answers["set"][1]
    assert answers["another alias"] == answers["another version"] == "done"
    assert found["aliases"] == {"champion": 1, "challenger": 2}
    denied = [event for event in a.events("model.alias") if event["outcome"] == "denied"]
    assert denied
    assert denied[-1]["detail"]["error"] == "model.alias_protected"


def test_no_spelling_of_a_version_slips_through(a: Tenant, yields: str) -> None:
    for version in ("01", " 1 ", "1_", 1, "1.0", None):
        body = {"name": yields, "version": version}
        answer = a.call("DELETE", f"{V2}/model-versions/delete", json=body)
        assert answer.status_code in (400, 403), (version, answer.text)
    assert champion(a, yields) == 1


def test_a_name_that_is_not_protected_is_no_way_around(a: Tenant, yields: str) -> None:
    """An alias of another model would become the protected one's by a new name."""
    make_model(a, "detour", 0.5)
    protect(a, "detour-protected")
    answer = a.call(
        "POST", f"{V2}/registered-models/rename", json={"name": "detour", "new_name": "detour-protected"}
    )
    assert answer.status_code == 403
    assert a.api("GET", "models/detour").status_code == 200


def test_the_portals_own_api_refuses_it_as_well(a: Tenant, yields: str) -> None:
    for method, body in (("PUT", {"version": 2}), ("DELETE", None)):
        answer = a.api(method, f"models/{yields}/aliases/champion", json=body)
        assert answer.status_code == 403
        assert answer.json()["code"] == "model.alias_protected"
    assert champion(a, yields) == 1


def test_a_second_person_approves_and_the_portal_moves_it(a: Tenant) -> None:
    a.client(MODEL)
    a.api("PUT", "models/promoted/aliases/champion", json={"version": 1}).raise_for_status()
    protect(a, "promoted")
    compared = a.api("GET", "models/promoted/comparison", params={"alias": "champion", "version": 2}).json()
    asked = ask(a, "promoted", 2)
    assert (asked["state"], asked["from_version"], asked["version"]) == ("waiting", 1, 2)
    assert asked["evidence"] == compared["evidence"]
    challenger, current = asked["evidence"]["challenger"], asked["evidence"]["current"]
    assert (challenger["metrics"], current["metrics"]) == ({"f1": 0.95}, {"f1": 0.5})
    assert (challenger["signature"], current["signature"]) == (False, True)
    assert challenger["run_name"] == "c-0.95"
    again = a.api(
        "POST", "promotions", json={"model": "promoted", "alias": "champion", "version": 2, "reason": "x"}
    )
    assert (again.status_code, again.json()["code"]) == (409, "approval.asked")
    own = a.api("POST", f"approvals/{asked['request']}/approve", json={"note": "mine"})
    assert (own.status_code, own.json()["code"]) == (403, "approval.second_person")
    shown = a.api("GET", f"approvals/{asked['request']}", a.second).json()
    assert {"fact": "Metrics of v2", "text": "f1 0.95"} in shown["evidence"]
    moving = approve(a, asked)
    assert moving["state"] == "moving"
    assert champion(a, "promoted") == 1  # the worker has not come to it
    assert a.work(moving["operation"])["state"] == "succeeded"
    assert champion(a, "promoted") == 2
    done = a.api("GET", "promotions", params={"model": "promoted"}).json()["results"]
    assert [(one["state"], one["decided_by_label"]) for one in done] == [("done", "second-a")]
    for action in ("model.promote_ask", "approval.approve", "model.promote", "model.promote.succeeded"):
        assert a.events(action), action
    notices = a.portal.query("SELECT subject FROM portal.projects_notice WHERE kind = 'model.promoted'")
    assert ("Promoted: %(what)s",) in notices


def test_the_files_of_what_was_promoted_are_not_replaced(a: Tenant) -> None:
    """From when somebody asks until the alias points elsewhere; other files of the same run are free."""
    make_model(a, "swapped")
    protect(a, "swapped")
    first, second = (run_of(a, "swapped", version) for version in (1, 2))

    def replace(place: str, method: str = "PUT", inside: str = "model/model.pkl") -> int:
        content = {"content": b"evil"} if method == "PUT" else {}
        answer = a.call(method, f"{FILES}/{place}/artifacts/{inside}", **content)
        if answer.status_code == 403:
            assert answer.json()["code"] == "model.files_protected"
        return int(answer.status_code)

    for place in (first, second):
        assert replace(place) == 200
    asked = ask(a, "swapped", 2)
    for place in (first, second):
        assert (replace(place), replace(place, inside="other.txt")) == (403, 200)
    for inside in ("model", "model/model.pkl"):
        assert replace(second, "DELETE", inside) == 403, inside
    moving = approve(a, asked)
    assert a.work(moving["operation"])["state"] == "succeeded"
    assert (replace(first), replace(second)) == (200, 403)
    back = approve(a, ask(a, "swapped", 1))
    assert a.work(back["operation"])["state"] == "succeeded"
    assert (replace(first), replace(second)) == (403, 200)


def test_no_path_is_another_one_to_mlflow_than_to_the_portal(a: Tenant) -> None:
    """MLflow decodes a path once more: what was recorded and checked would not be what was read or replaced."""
    make_model(a, "encoded")
    place = run_of(a, "encoded", 1)
    file = f"{FILES}/{place}/artifacts/model/model.pkl"
    a.call("PUT", file, content=b"weights").raise_for_status()
    experiment, run_id = place.split("/")
    once = f"%%{ord('3'):x}%{ord(f'{ord(run_id[0]):x}'[1]):x}{run_id[1:]}"
    if not run_id[0].isdigit():
        once = once.replace("%%33", "%%36", 1)
    for method, content in (("GET", {}), ("PUT", {"content": b"evil"}), ("DELETE", {})):
        answer = a.call(method, f"{FILES}/{experiment}/{once}/artifacts/model/model.pkl", **content)
        assert (answer.status_code, answer.json()["code"]) == (400, "artifact.path"), method
    assert a.call("GET", file).content == b"weights"


def test_what_is_rejected_or_withdrawn_moves_nothing(a: Tenant, yields: str) -> None:
    asked = ask(a, yields, 2)
    a.api("POST", f"approvals/{asked['request']}/reject", a.second, json={"note": "no"}).raise_for_status()
    assert a.api("GET", f"promotions/{asked['id']}").json()["state"] == "rejected"
    asked = ask(a, yields, None)
    a.api("POST", f"approvals/{asked['request']}/withdraw").raise_for_status()
    assert a.api("GET", f"promotions/{asked['id']}").json()["state"] == "withdrawn"
    assert champion(a, yields) == 1


def test_an_alias_that_moved_meanwhile_fails_the_later_promotion(a: Tenant) -> None:
    make_model(a, "raced", 0.5, 0.75, 1.0)
    protect(a, "raced")
    first, second = ask(a, "raced", 2), ask(a, "raced", 3, a.second)
    moving = approve(a, first)
    late = a.api("POST", f"approvals/{second['request']}/approve", json={})
    assert late.status_code == 200
    assert a.work(moving["operation"])["state"] == "succeeded"
    other = a.api("GET", f"promotions/{second['id']}").json()
    ended = a.work(other["operation"])
    assert ended["state"] == "failed"
    assert "pointed to v1 when this was asked, and points to v2 now" in ended["error"]
    assert a.api("GET", f"promotions/{second['id']}").json()["state"] == "failed"
    assert champion(a, "raced") == 2
    retried = a.api("POST", f"operations/{other['operation']}/retry", a.second)
    assert (retried.status_code, retried.json()["code"]) == (409, "promotion.ask_again")


def test_a_version_that_is_gone_or_another_one_is_not_promoted(a: Tenant) -> None:
    make_model(a, "gone")
    protect(a, "gone")
    moving = approve(a, ask(a, "gone", 2))
    a.call("DELETE", f"{V2}/model-versions/delete", json={"name": "gone", "version": "2"}).raise_for_status()
    ended = a.work(moving["operation"])
    assert (ended["state"], champion(a, "gone")) == ("failed", 1)
    assert "version 2 of “gone” is gone" in ended["error"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_killed_as_it_moves_the_alias_moves_it_once(a: Tenant, moment: str) -> None:
    name = f"killed-{moment}"
    make_model(a, name)
    protect(a, name)
    moving = approve(a, ask(a, name, 2))
    a.work(moving["operation"], killed_after=moment)
    assert champion(a, name) == (1 if moment == "before" else 2)
    assert a.work(moving["operation"])["state"] == "succeeded"
    assert champion(a, name) == 2
    moves = [e for e in a.events("model.promote") if e["target_id"] == f"{name}@champion"]
    assert len(moves) == 1


def test_a_protection_is_lifted_by_a_second_person_only(a: Tenant) -> None:
    make_model(a, "lifted")
    protection = protect(a, "lifted")
    asked = a.api("POST", f"protected-aliases/{protection}/removal", json={"reason": "Not served any more."})
    assert asked.status_code == 202
    pk = asked.json()["id"]
    assert a.api("POST", f"approvals/{pk}/approve", json={"note": "mine"}).status_code == 403
    assert a.api("PUT", "models/lifted/aliases/champion", json={"version": 2}).status_code == 403
    assert a.api("POST", f"approvals/{pk}/approve", a.second, json={}).status_code == 200
    assert a.api("PUT", "models/lifted/aliases/champion", json={"version": 2}).status_code == 200
    assert a.events("model.unprotect")


def test_nobody_else_asks_or_protects(a: Tenant, b: Tenant, yields: str) -> None:
    body = {"model": yields, "alias": "champion", "version": 2, "reason": "x"}
    assert a.api("POST", "promotions", a.viewer, json=body).status_code == 403
    assert a.api("POST", "protected-aliases", a.viewer, json={"alias": "x"}).status_code == 403
    assert (
        b.api("POST", "promotions", json=body).status_code == 409
    )  # nothing of that name is protected there
    assert b.api("GET", "protected-aliases").json()["results"] == []
    assert b.api("GET", "promotions").json()["results"] == []
