"""Sources: what people upload as a training project, checked, packed and put away."""

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Invalid
from accounts.ids import uuid7
from projects.doors import Grant
from registry.archives import Limits, extract
from registry.blobs import BlobWriter, read_range
from registry.mlproject import MLProject, parse, parse_folder
from registry.mlproject.documents import folder_reader
from registry.mlproject.project import FILE
from registry.models import TrainingProject, TrainingSource

ARCHIVE_LIMIT = 32 << 20
CONTENT_LIMITS = Limits(entries=2000, total=256 << 20)


@contextmanager
def workbench() -> Iterator[Path]:
    """Give a private folder for unpacking, gone afterwards whatever happens."""
    root = settings.HOME / "tmp"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="source-", dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def project_root(folder: Path) -> Path:
    """Return the folder that holds the MLproject file: the top, or the one folder that an archive wraps it in."""
    entries = [entry for entry in folder.iterdir() if entry.name not in ("__MACOSX", ".DS_Store")]
    if (
        not any(entry.name.lower() == FILE.lower() for entry in entries)
        and len(entries) == 1
        and entries[0].is_dir()
    ):
        return entries[0]
    return folder


def _recording(read: Callable[[str], bytes | None]) -> tuple[dict[str, str], Callable[[str], bytes | None]]:
    documents: dict[str, str] = {}

    def reader(name: str) -> bytes | None:
        content = read(name)
        if content is not None:
            documents[name] = content.decode("utf-8", "surrogateescape")
        return content

    return documents, reader


def _pack(folder: Path) -> tuple[bytes, int]:
    """Zip a checked folder; the same content always gives the same bytes."""
    buffer = io.BytesIO()
    size = 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                info = zipfile.ZipInfo(path.relative_to(folder).as_posix())
                info.external_attr = (path.stat().st_mode & 0o777) << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                content = path.read_bytes()
                size += len(content)
                archive.writestr(info, content)
    return buffer.getvalue(), size


def add_source(
    grant: Grant, project: TrainingProject, folder: Path, *, kind: str, git_url: str = "", commit: str = ""
) -> TrainingSource:
    """Check a project's folder and keep it as the next source. Raises `Unprocessable`, naming file and reason."""
    parsed = parse_folder(folder)  # checks that there is exactly one MLproject file
    name = next(path.name for path in folder.iterdir() if path.name.lower() == FILE.lower())
    documents, reader = _recording(folder_reader(folder))
    parse(name, reader)
    packed, size = _pack(folder)
    with BlobWriter.open(grant.account_id, limit=CONTENT_LIMITS.total) as writer:
        writer.append(packed)
        blob = writer.finish()
    TrainingProject.objects.select_for_update().get(pk=project.pk)
    last = TrainingSource.objects.filter(project=project).aggregate(last=Max("number"))["last"] or 0
    source = TrainingSource(
        id=uuid7(),
        account_id=grant.account_id,
        project=project,
        number=last + 1,
        kind=kind,
        git_url=git_url,
        commit=commit,
        content=blob,
        entry_points=describe(parsed),
        python=parsed.python_env.python or "",
        requirements=list(parsed.python_env.requirements),
        size=size,
        created_by_label=grant.actor.person,
    )
    source.documents = json.dumps({"file": name, "documents": documents}).encode()
    source.save(force_insert=True)
    audit.record(
        "training.source",
        source,
        detail={"kind": kind, "sha256": blob.sha256, **({"commit": commit} if commit else {})},
    )
    return source


def add_archive(grant: Grant, project: TrainingProject, archive: BinaryIO) -> TrainingSource:
    """Keep an uploaded zip or tar as the next source of a project."""
    if archive.seek(0, io.SEEK_END) == 0:
        raise Invalid(
            "training.archive_empty", _("The upload is empty. Send a zip or tar.gz of the project's folder.")
        )
    archive.seek(0)
    with workbench() as bench:
        extract(archive, bench / "content", CONTENT_LIMITS)
        return add_source(grant, project, project_root(bench / "content"), kind=TrainingSource.Kind.ARCHIVE)


def describe(project: MLProject) -> list[dict[str, Any]]:
    """Entry points and their parameters as plain data, in the order in which the project declares them."""
    return [
        {
            "name": entry.name,
            "parameters": [{"name": p.name, "type": p.type, "default": p.default} for p in entry.parameters],
        }
        for entry in project.entry_points.values()
    ]


def mlproject_of(source: TrainingSource) -> MLProject:
    """Parse a source's MLproject again from the documents kept with it."""
    kept = json.loads(source.documents.reveal())
    documents: dict[str, str] = kept["documents"]

    def read(name: str) -> bytes | None:
        text = documents.get(name)
        return None if text is None else text.encode("utf-8", "surrogateescape")

    return parse(kept["file"], read)


def unpack(source: TrainingSource, destination: Path) -> None:
    """Write a source's files into an empty folder; needs the account's scope."""
    archive = io.BytesIO(b"".join(read_range(source.content)))
    extract(archive, destination, CONTENT_LIMITS)
