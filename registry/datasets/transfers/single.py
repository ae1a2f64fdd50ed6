"""One file in one request: `curl -T wafers.csv …/upload?path=wafers.csv` makes and seals a version of it."""

import asyncio
from typing import Any, ClassVar
from urllib.parse import parse_qs

from django.utils.translation import gettext as _

from accounts.errors import Invalid, Unprocessable
from projects.doors import Grant
from projects.doors.asgi import AsgiRequest, ProjectApp
from projects.permissions import Permission
from registry.blobs import BlobWriter, delete_blob
from registry.datasets import actions
from registry.datasets.actions.uploads import check_sha256
from registry.datasets.find import find_dataset
from registry.datasets.limits import check_room, check_size, most_bytes
from registry.datasets.names import clean_path
from registry.datasets.serializers import SealedVersionSerializer
from registry.datasets.summaries import with_shape
from registry.datasets.transfers import described
from registry.datasets.transfers.body import pour
from registry.models import Blob

_ASKED = "dataset.single"
_PARAMETERS = frozenset({"path", "note", "sha256"})
_NOTE = 500


class SingleFileVersion(ProjectApp):
    """Streams a body into a new version of one file: it is there whole and sealed, or nothing is."""

    actions: ClassVar[dict[str, str]] = {"PUT": Permission.DATASET_WRITE}
    documentation: ClassVar[dict[str, dict[str, Any]]] = described.SINGLE

    def admit(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        find_dataset(grant, kwargs["name"])
        request.scope[_ASKED] = _asked(request)

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        asked: dict[str, str] = request.scope[_ASKED]
        length = request.content_length
        check_size(length)
        await asyncio.to_thread(check_room, length or 0)
        writer = await self.in_scope(request, grant, BlobWriter.open, grant.account_id, limit=most_bytes())
        try:
            await pour(request, writer)
            digest = await asyncio.to_thread(writer.complete)
            _check_digest(asked, digest)
            status, shown = await self.in_scope(request, grant, _add, grant, kwargs["name"], asked, writer)
        except BaseException:
            await asyncio.to_thread(writer.discard)
            await self.in_scope(request, grant, _forget, writer.blob)
            raise
        await request.respond_json(status, shown)


def _asked(request: AsgiRequest) -> dict[str, str]:
    """Check the query's parameters; raises `Invalid`, naming each wrong one."""
    try:
        given = parse_qs(
            request.query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20
        )
    except ValueError:
        raise Invalid("request.query", _("The query is not percent-encoded UTF-8.")) from None
    errors = {name: [_("There is no such parameter.")] for name in sorted(set(given) - _PARAMETERS)}
    errors |= {name: [_("Give this parameter once.")] for name, values in given.items() if len(values) > 1}
    if "path" not in given:
        errors["path"] = [_("Say what the file is called: ?path=wafers.csv")]
    if len(given.get("note", [""])[0]) > _NOTE or "\x00" in given.get("note", [""])[0]:
        errors["note"] = [_("A note has at most %(limit)d characters.") % {"limit": _NOTE}]
    if errors:
        raise Invalid(
            "request.query",
            _("These query parameters are not valid: %(names)s.") % {"names": ", ".join(errors)},
            errors=errors,
        )
    asked = {name: values[0] for name, values in given.items()}
    asked["path"] = clean_path(asked["path"])
    asked["sha256"] = check_sha256(asked.get("sha256", ""))
    return asked


def _check_digest(asked: dict[str, str], digest: str) -> None:
    if asked["sha256"] and asked["sha256"] != digest:
        raise Unprocessable(
            "dataset.checksum",
            _(
                "“%(path)s” arrived with SHA-256 %(got)s instead of %(wanted)s, and was dropped. "
                "Send it again."
            )
            % {"path": asked["path"], "got": digest, "wanted": asked["sha256"]},
            sha256=digest,
        )


def _add(grant: Grant, name: str, asked: dict[str, str], writer: BlobWriter) -> tuple[int, dict[str, Any]]:
    sealed = actions.add_single_file_version(
        grant, find_dataset(grant, name), asked["path"], writer, note=asked.get("note", "")
    )
    version = with_shape([sealed.version])[0]
    shown = dict(SealedVersionSerializer(version, context={"identical": sealed.identical}).data)
    return (200 if sealed.identical else 201), shown


def _forget(blob: Blob) -> None:
    row = Blob.objects.filter(pk=blob.pk).first()
    if row is not None:
        delete_blob(row)
