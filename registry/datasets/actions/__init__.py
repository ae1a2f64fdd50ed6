"""What can be done with datasets: each action decides, writes and records in the caller's transaction."""

from registry.datasets.actions.datasets import create_dataset
from registry.datasets.actions.previews import preview_table
from registry.datasets.actions.uploads import begin_upload, cancel_upload, finish_upload, reject_upload
from registry.datasets.actions.versions import (
    Sealed,
    add_single_file_version,
    delete_open_version,
    open_version,
    seal_version,
)

__all__ = [
    "Sealed",
    "add_single_file_version",
    "begin_upload",
    "cancel_upload",
    "create_dataset",
    "delete_open_version",
    "finish_upload",
    "open_version",
    "preview_table",
    "reject_upload",
    "seal_version",
]
