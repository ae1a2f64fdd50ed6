"""The pages of deletions: what hangs on the data, a fresh proof, a reason, and what is left to say afterwards."""

from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from accounts.tenancy import scope
from registry.models import DatasetDeletion, DatasetVersion
from tests.access_matrix.arguments_deletion import make_sealed
from tests.cast import Cast

QUERIES = 15


@pytest.fixture
def page(cast: Cast, settings: Settings, tmp_path: Path) -> str:
    """The page on which a sealed version is deleted."""
    settings.BLOB_ROOT = tmp_path / "blobs"
    settings.DISK_RESERVE_BYTES = 0
    name = make_sealed(cast, cast.acme)["name"]
    return f"/projects/{cast.acme.slug}/datasets/{name}/delete/?version=1"


def _form(page: str, **values: str) -> dict[str, str]:
    name = page.split("/datasets/")[1].split("/", maxsplit=1)[0]
    return {"reason": "The customer asked for it.", "confirm": f"{name}@1", **values}


def test_it_needs_a_fresh_proof_a_reason_and_the_name(cast: Cast, page: str) -> None:
    stale = cast.client("mia", signed_in=3600)
    away = stale.post(page, _form(page))
    assert (away.status_code, away.headers["Location"].startswith("/sign-in/again/")) == (302, True)
    mia = cast.client("mia")
    for wrong in ({"reason": ""}, {"confirm": "wafers"}):
        refused = mia.post(page, _form(page, **wrong))
        assert refused.status_code == 400
    with scope(cast.acme.account_id):
        assert DatasetVersion.objects.get().state == "ready"
        assert not DatasetDeletion.objects.exists()
    assert cast.client("sam").get(page).status_code == 403


def test_from_the_question_to_the_tombstone(cast: Cast, page: str) -> None:
    mia = cast.client("mia")
    mia.get(page)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        shown = mia.get(page)
    data = [query for query in queries if "registry_" in query["sql"]]
    assert len(data) <= QUERIES
    assert "Nothing that the portal knows of." in shown.content.decode()
    done = mia.post(page, _form(page))
    assert done.status_code == 302
    statement = mia.get(done.headers["Location"])
    assert "The statement is signed once everything is destroyed." in statement.content.decode()
    dataset = page.split("delete/", maxsplit=1)[0]
    tombstone = cast.client("bob").get(f"{dataset}?version=1").content.decode()
    assert "Nobody reads it any more." in tombstone
    assert "The customer asked for it." in tombstone
    mia.cookies["django_language"] = "ko"
    for path in (
        f"{dataset}?version=1",
        done.headers["Location"],
        f"/projects/{cast.acme.slug}/dataset-deletions/",
    ):
        answer = mia.get(path)
        assert (answer.status_code, "삭제" in answer.content.decode()) == (200, True), path
    assert mia.get(page).status_code == 410
