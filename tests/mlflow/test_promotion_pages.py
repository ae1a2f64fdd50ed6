"""The pages of promotions, over the real MLflow: compare, ask, decide beside the comparison, see what came of it."""

from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.tenancy import scope
from projects.operations.work import run
from registry.datasets.deletion.asking import what_depends
from registry.mlflow.client import Mlflow
from registry.models import DatasetDeletion, DatasetVersion, Promotion, TrainingJob
from tests.access_matrix.arguments_deletion import make_sealed
from tests.access_matrix.arguments_registry import make_job
from tests.cast import Cast, assemble


@pytest.fixture
def cast(db: None) -> Cast:
    """The cast of the portal's own database, not that of the running web process."""
    return assemble()


@pytest.fixture
def model(cast: Cast, mlflow_server: int) -> str:
    """Two versions of a model, the first one champion, and champion protected through its page."""
    mlflow = Mlflow(cast.acme.account_id)
    experiment = mlflow.ensure_experiment("yield")
    mlflow.ensure_model("yield")
    for value in (0.5, 0.75):
        made = mlflow.create_run(experiment.id, f"f1-{value}", tags={"mlflow.user": "sam"}, started_ms=1)
        mlflow.log_batch(made.id, metrics=[("f1", value, 1, 0)])
        mlflow.create_version("yield", f"runs:/{made.id}/model", run_id=made.id)
    mlflow.set_alias("yield", "champion", 1)
    page = f"/projects/{cast.acme.slug}/settings/aliases/"
    made_page = cast.client("mia").post(page, {"alias": "champion", "model": "yield"})
    assert made_page.status_code == 302
    return "yield"


def text_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.content[:2000]
    return answer.content.decode()


def test_removal_is_chosen_not_proposed(cast: Cast, mlflow_server: int) -> None:
    mlflow, sam = Mlflow(cast.acme.account_id), cast.client("sam")
    made = mlflow.create_run(mlflow.ensure_experiment("yield").id, "only", started_ms=1)
    mlflow.ensure_model("lone")
    mlflow.create_version("lone", f"runs:/{made.id}/model", run_id=made.id)
    mlflow.set_alias("lone", "champion", 1)
    protected = {"alias": "champion", "model": "lone"}
    assert (
        cast.client("mia").post(f"/projects/{cast.acme.slug}/settings/aliases/", protected).status_code == 302
    )
    root = f"/projects/{cast.acme.slug}/models/lone/"
    shown = text_of(sam, f"{root}promote/")
    assert "points to the only version" in shown
    assert "Ask for promotion" not in shown
    assert "Remove “champion” of lone" in text_of(sam, f"{root}promote/?alias=champion&version=remove")


def test_from_the_question_to_the_moved_alias(cast: Cast, model: str) -> None:
    root = f"/projects/{cast.acme.slug}"
    sam, mia = cast.client("sam"), cast.client("mia")
    shown = text_of(sam, f"{root}/models/{model}/")
    assert f"{root}/models/{model}/promote/" in shown
    compared = text_of(sam, f"{root}/models/{model}/promote/?alias=champion&version=2")
    assert "Challenger v2 against current v1" in compared
    assert "+0.25" in compared
    assert "is version 1 already" in text_of(sam, f"{root}/models/{model}/promote/?alias=champion&version=1")
    removed = text_of(sam, f"{root}/models/{model}/promote/?alias=champion&version=remove")
    assert "Remove “champion” of yield" in removed
    empty = sam.post(f"{root}/models/{model}/promote/", {"alias": "champion", "version": "2", "reason": " "})
    assert empty.status_code == 400
    asked = sam.post(
        f"{root}/models/{model}/promote/",
        {"alias": "champion", "version": "2", "reason": "Better on lot 7."},
    )
    assert asked.status_code == 302
    request_page = asked.headers["Location"]
    beside = text_of(mia, request_page)
    assert "Challenger v2 against current v1" in beside
    assert "Better on lot 7." in beside
    assert "f1-0.75" in beside
    mia.cookies["django_language"] = "ko"
    assert "도전자 v2와 현재 v1 비교" in text_of(mia, request_page)
    assert mia.post(request_page, {"do": "approve", "note": ""}).status_code == 302
    with scope(cast.acme.account_id):
        promotion = Promotion.objects.get()
        operation = promotion.operation_id
    assert operation is not None
    for _step in range(2):
        run(cast.acme.account_id, operation)
    assert Mlflow(cast.acme.account_id).model(model).aliases == {"champion": 2}
    history = text_of(sam, f"{root}/models/{model}/")
    assert "v1 → v2" in history
    assert "Done" in history
    assert "mia" in history


def test_pointing_a_protected_alias_leads_to_the_question(cast: Cast, model: str) -> None:
    root = f"/projects/{cast.acme.slug}"
    answer = cast.client("sam").post(
        f"{root}/models/{model}/", {"do": "set", "alias": "champion", "version": "2"}
    )
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{root}/models/{model}/promote/?alias=champion&version=2"
    assert Mlflow(cast.acme.account_id).model(model).aliases == {"champion": 1}


def test_protecting_and_asking_to_lift_it(cast: Cast, model: str) -> None:
    page = f"/projects/{cast.acme.slug}/settings/aliases/"
    mia = cast.client("mia")
    shown = text_of(mia, page)
    assert "champion" in shown
    again = mia.post(page, {"alias": "champion", "model": "yield"})
    assert (again.status_code, "is protected already" in again.content.decode()) == (400, True)
    assert mia.post(page, {"alias": "Latest!", "model": ""}).status_code == 400
    lift = next(part for part in shown.split('"') if part.startswith(page) and part != page)
    assert text_of(mia, lift)
    asked = mia.post(lift, {"reason": "Not served any more."})
    assert asked.status_code == 302
    assert "Not served any more." in text_of(cast.client("alice"), asked.headers["Location"])
    assert "settings/aliases" in text_of(cast.client("bob"), page)
    assert cast.client("bob").get(lift).status_code == 403


def test_data_behind_a_protected_alias_needs_a_second_person(
    cast: Cast, model: str, settings: Settings, tmp_path: Path
) -> None:
    settings.BLOB_ROOT = tmp_path / "blobs"
    made = make_sealed(cast, cast.acme)
    number = make_job(cast, cast.acme, "succeeded")["number"]
    with scope(cast.acme.account_id):
        version = DatasetVersion.objects.select_related("dataset").get()
        mlflow = Mlflow(cast.acme.account_id)
        run_id, experiment = mlflow.version(model, 1).run_id, mlflow.ensure_experiment("yield").id
        TrainingJob.objects.filter(number=number).update(
            run_id=run_id,
            experiment_id=experiment,
            inputs={"data": {"dataset": made["name"], "version": 1, "id": str(version.pk)}},
        )
        found = what_depends(version.dataset, version)
        assert [thing.label for thing in found.of("modelversion")] == ["yield v1"]
        assert (found.protected, found.guarded, found.needs_approval) == (["yield@champion"], False, True)
    page = f"/projects/{cast.acme.slug}/datasets/{made['name']}/delete/?version=1"
    mia = cast.client("mia")
    shown = text_of(mia, page)
    assert "yield@champion" in shown
    assert "A second person decides" in shown
    form = {"reason": "The customer asked for it.", "confirm": f"{made['name']}@1"}
    assert mia.post(page, form).status_code == 302
    with scope(cast.acme.account_id):
        deletion = DatasetDeletion.objects.get()
        assert (deletion.state, DatasetVersion.objects.get().state) == ("waiting", "ready")
    request = f"/projects/{cast.acme.slug}/approvals/{deletion.request_id}/"
    beside = text_of(cast.client("alice"), request)
    assert "yield@champion" in beside
    assert "yield v1" in beside
    assert cast.client("alice").post(request, {"do": "approve", "note": ""}).status_code == 302
    with scope(cast.acme.account_id):
        assert DatasetVersion.objects.get().state == "deleting"
