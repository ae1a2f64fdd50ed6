"""The dataset pages as people click through them: few queries, nothing of values without a record."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.tenancy import scope
from projects.models import Operation
from projects.operations import work
from registry.blobs import BlobWriter
from registry.datasets import actions
from registry.datasets.access import open_for_job
from registry.datasets.find import find_dataset
from registry.datasets.sweep import expire_uploads
from registry.models import Blob, DatasetUpload, DatasetVersion
from tests.cast import Cast, events
from tests.datasets.conftest import stored_files

QUERIES = 15
CSV = b"lot,yield\nA1,0.91\nA2,\n"


@pytest.fixture
def pages(cast: Cast, settings: Settings, tmp_path: Path) -> str:
    settings.BLOB_ROOT = tmp_path / "blobs"
    settings.DISK_RESERVE_BYTES = 0
    return f"/projects/{cast.acme.slug}/datasets/"


def _store(cast: Cast, name: str, path: str, content: bytes, *, profiled: bool = True) -> None:
    """A sealed version of one file, made by sam; profiled or still waiting for it."""
    with cast.inside("sam") as grant:
        if not actions_has(name):
            actions.create_dataset(grant, name, description="of line 3")
        with BlobWriter.open(grant.account_id) as writer:
            writer.append(content)
            writer.complete()
            actions.add_single_file_version(grant, find_dataset(grant, name), path, writer)
        due = list(Operation.objects.filter(state="queued").values_list("pk", flat=True))
    for pk in due if profiled else []:
        work.run(cast.acme.account_id, pk)


def actions_has(name: str) -> bool:
    from registry.models import Dataset

    return Dataset.objects.filter(name=name).exists()


def test_from_nothing_to_a_sealed_version(cast: Cast, pages: str) -> None:
    """Empty list, new dataset, a file through the uploader's protocol, seal."""
    sam = cast.client("sam")
    assert "No datasets yet" in sam.get(pages).content.decode()
    refused = sam.post(f"{pages}new/", {"name": "Not A Name"})
    assert refused.status_code == 400
    assert "lower-case" in refused.content.decode()
    made = sam.post(f"{pages}new/", {"name": "wafers", "description": "one", "format": "table"})
    assert made["Location"] == f"{pages}wafers/versions/1/"
    begun = sam.post(
        f"{made['Location']}uploads/",
        json.dumps({"filename": "a.csv", "size": len(CSV)}),
        content_type="application/json",
    )
    assert begun.status_code == 201, begun.content
    assert begun.json()["url"].startswith(
        f"/api/v1/projects/{cast.acme.slug}/datasets/wafers/versions/1/uploads/"
    )
    too_early = sam.post(made["Location"], {"do": "seal"}, follow=True)
    assert "Not everything has arrived" in too_early.content.decode()
    with cast.inside("sam") as grant:
        upload = DatasetUpload.objects.select_related("version__dataset", "blob").get()
        with BlobWriter.resume(upload.blob) as writer:
            writer.append(CSV)
            writer.complete()
            actions.finish_upload(grant, upload, writer)
    sealed = sam.post(made["Location"], {"do": "seal"})
    assert sealed["Location"] == f"{pages}wafers/?version=1"
    assert sam.get(made["Location"])["Location"] == f"{pages}wafers/?version=1", (
        "sealed: nothing to upload into"
    )


def _asked(captured: CaptureQueriesContext) -> list[str]:
    """The queries for data: not the transaction's own, nor the settings that open a scope in it."""
    return [
        query["sql"]
        for query in captured.captured_queries
        if query["sql"].startswith("SELECT") and "set_config" not in query["sql"]
    ]


def test_no_page_asks_much(cast: Cast, pages: str) -> None:
    for index in range(12):
        _store(cast, f"data-{index}", "a.csv", CSV)
    for index in range(5):
        _store(cast, "data-0", "a.csv", CSV + b"A3,%d\n" % index)
    alice = cast.client("alice")
    with cast.inside("alice") as grant:
        version = actions.open_version(grant, find_dataset(grant, "data-0"))
        for index in range(5):
            actions.begin_upload(grant, version, f"{index}.csv")
    for tail in (
        "",
        "?search=data",
        "new/",
        "data-0/",
        "data-0/?version=1",
        "data-0/versions/7/",
        "data-0/versions/1/preview/",
    ):
        with CaptureQueriesContext(connection) as captured:
            shown = alice.get(pages + tail)
        assert shown.status_code == 200, tail
        assert len(_asked(captured)) <= QUERIES, (tail, _asked(captured))
        assert "style=" not in shown.content.decode(), "the content security policy makes it dead text"


def test_values_are_shown_on_record_and_to_those_who_may(cast: Cast, pages: str) -> None:
    _store(cast, "wafers", "a.csv", CSV)
    bob, sam = cast.client("bob"), cast.client("sam")
    seen = bob.get(f"{pages}wafers/").content.decode()
    assert "yield" in seen
    assert "50.0%" in seen, "one of two values is missing"
    assert "0.91" not in seen
    assert "pandas" not in seen, "no lines to copy for who may not download"
    assert "Read last by" not in seen, "that is the audit log's to tell"
    assert bob.get(f"{pages}wafers/versions/1/preview/").status_code == 403
    assert events(cast.acme.account_id, action="dataset.preview") == [("dataset.preview", "denied", "bob")]
    fragment = sam.get(
        f"{pages}wafers/versions/1/preview/?path=a.csv", HTTP_HX_REQUEST="true"
    ).content.decode()
    assert "0.91" in fragment
    assert "<html" not in fragment
    assert events(cast.acme.account_id, action="dataset.preview")[-1] == ("dataset.preview", "ok", "sam")
    read_by = cast.client("mia").get(f"{pages}wafers/").content.decode()
    assert "previewed" in read_by[read_by.index("Read last by") :]


def test_a_table_that_is_looked_through_shows_its_columns_without_a_reload(cast: Cast, pages: str) -> None:
    _store(cast, "wafers", "a.csv", CSV, profiled=False)
    waiting = cast.client("sam").get(f"{pages}wafers/").content.decode()
    assert "Looking through the table" in waiting
    piece = re.search(r'<div class="stack" id="dataset-main"([^>]*)>', waiting)
    assert piece is not None
    assert 'hx-select="#dataset-main"' in piece[1]
    assert "every 3s" in piece[1]
    _store(cast, "others", "b.csv", CSV)  # runs what was due
    shown = cast.client("sam").get(f"{pages}wafers/").content.decode()
    assert "50.0%" in shown
    assert "every 3s" not in shown, "what is known is not asked again"


def test_what_has_no_profile_says_why(cast: Cast, pages: str) -> None:
    _store(cast, "photos", "a.png", b"\x89PNG")
    _store(cast, "broken", "bad.csv", b"a,b\n1,2\n3\n")
    sam = cast.client("sam")
    assert "None of these files is a table" in sam.get(f"{pages}photos/").content.decode()
    assert "Row 3 has 1 columns where the header has 2." in sam.get(f"{pages}broken/").content.decode()
    refusal = sam.get(f"{pages}broken/versions/1/preview/").content.decode()
    assert "Row 3 has 1 columns" in refusal
    korean = sam.get(f"{pages}broken/", HTTP_ACCEPT_LANGUAGE="ko").content.decode()
    assert "3번째 행" in korean, "the sentence is in the reader's language"


def test_strangers_and_viewers(cast: Cast, pages: str) -> None:
    _store(cast, "wafers", "a.csv", CSV)
    charlie, bob, nobody = cast.client("charlie"), cast.client("bob"), Client()
    for tail in ("", "wafers/", "wafers/versions/1/preview/", "new/"):
        assert charlie.get(pages + tail).status_code == 404
        assert nobody.get(pages + tail).status_code == 302
    assert bob.get(f"{pages}new/").status_code == 403
    assert bob.post(f"{pages}wafers/versions/").status_code == 403
    with scope(cast.acme.account_id):
        assert DatasetVersion.objects.count() == 1


def test_a_job_reads_a_version_on_record(cast: Cast, pages: str) -> None:
    _store(cast, "wafers", "deep/a.csv", CSV)
    with cast.inside("sam"):
        version = DatasetVersion.objects.get()
        files = open_for_job(version.pk, user_id=cast.sam.pk, on_behalf_of="sam", job="wafer-yield #1")
    read = {path: b"".join(pieces) for path, pieces in files}
    assert read == {"deep/a.csv": CSV}, "also after the scope has closed"
    assert ("dataset.read", "ok", "sam") in events(cast.acme.account_id, action="dataset.read")


def test_uploads_that_nobody_goes_on_with_are_dropped(
    cast: Cast,
    pages: str,
    settings: Settings,
    as_role: Callable[[str], AbstractContextManager[None]],
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[Any]],
) -> None:
    with cast.inside("sam") as grant:
        dataset = actions.create_dataset(grant, "wafers")
        version = actions.open_version(grant, dataset)
        for name in ("old.csv", "new.csv"):
            actions.begin_upload(grant, version, name)
        DatasetUpload.objects.filter(path="old.csv").update(expires_at=timezone.now() - timedelta(seconds=1))
    before = len(stored_files(settings.BLOB_ROOT))
    with as_role("system"), django_capture_on_commit_callbacks(execute=True):
        assert expire_uploads() == 1
    with cast.inside("sam"):
        assert list(DatasetUpload.objects.values_list("path", flat=True)) == ["new.csv"]
        assert Blob.objects.count() == 1
    assert len(stored_files(settings.BLOB_ROOT)) < before
