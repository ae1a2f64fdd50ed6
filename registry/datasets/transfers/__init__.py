"""Bytes in and out, as plain ASGI in front of Django: constant memory, and nothing in clear on the disk."""

from projects.doors.asgi import ProjectApp
from registry.datasets.transfers.download import FileDownload
from registry.datasets.transfers.single import SingleFileVersion
from registry.datasets.transfers.upload import UploadContent, UploadFinish

_DATASET = r"^/api/v1/projects/(?P<slug>[^/]+)/datasets/(?P<name>[^/]+)"
_VERSION = _DATASET + r"/versions/(?P<number>[0-9]{1,9})"

ROUTES: list[tuple[str, type[ProjectApp]]] = [
    (_DATASET + r"/upload$", SingleFileVersion),
    (_VERSION + r"/uploads/(?P<upload_id>[^/]+)$", UploadContent),
    (_VERSION + r"/uploads/(?P<upload_id>[^/]+)/finish$", UploadFinish),
    (_VERSION + r"/files/(?P<path>(?s:.+))$", FileDownload),
]

__all__ = ["ROUTES"]
