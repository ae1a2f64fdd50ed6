"""How much a file may hold, and how much room the store's disk must keep. All sizes in bytes."""

import shutil
from datetime import timedelta

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from accounts.errors import TooLarge
from registry.datasets.errors import InsufficientStorage

FILES_PER_VERSION = 10_000
# An upload that nobody goes on with for so long is dropped, with what it has sent.
UPLOAD_LIFETIME = timedelta(days=3)


def most_bytes() -> int:
    """Return the most that one file may have."""
    limit: int = settings.DATASET_MAX_FILE_BYTES
    return limit


def check_size(size: int | None) -> None:
    """Raise `TooLarge` for a size beyond the limit; None (not said) passes, and is counted as it arrives."""
    limit = most_bytes()
    if size is not None and size > limit:
        raise TooLarge(
            "dataset.file_too_large",
            _("A file may have at most %(limit)s; this one has %(size)s. Split it, or ask an admin for more.")
            % {"limit": filesizeformat(limit), "size": filesizeformat(size)},
            limit=limit,
        )


def check_room(coming: int = 0) -> None:
    """Raise `InsufficientStorage` where `coming` more bytes would eat into the disk's reserve."""
    folder = settings.BLOB_ROOT
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free - coming < settings.DISK_RESERVE_BYTES:
        raise InsufficientStorage(
            "dataset.no_room",
            _("The portal's disk has no room for %(size)s more. Ask an admin to free some, then go on.")
            % {"size": filesizeformat(coming)},
        )
