"""Where things are: the API's paths, without an origin so that a browser keeps the one it came by. Pure."""

from urllib.parse import quote

from registry.models import DatasetFile, DatasetUpload, DatasetVersion


def dataset_api(slug: str, name: str = "") -> str:
    """Return the API's path of the datasets, or of one."""
    return f"/api/v1/projects/{slug}/datasets" + (f"/{name}" if name else "")


def version_api(slug: str, version: DatasetVersion) -> str:
    """Return the API's path of a version."""
    return f"{dataset_api(slug, version.dataset.name)}/versions/{version.number}"


def file_api(slug: str, file: DatasetFile) -> str:
    """Return the path that a file's bytes are read from."""
    return f"{version_api(slug, file.version)}/files/{quote(file.path)}"


def upload_api(slug: str, upload: DatasetUpload) -> str:
    """Return the path that an upload's bytes go to."""
    return f"{version_api(slug, upload.version)}/uploads/{upload.pk}"
