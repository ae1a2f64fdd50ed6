"""Carrying logs from the machine's files into sealed rows, each byte once.

Part n of the stored log is bytes n × 64 KiB and on of the file, whoever writes it and however often: shipping
again after a crash writes the same.
"""

from pathlib import Path

from accounts.tenancy import scope
from clusters.actions.workloads import PART_BYTES
from clusters.models import Workload, WorkloadLog


def ship(workload: Workload, path: Path, *, most: int = 16 * PART_BYTES) -> bool:
    """Store what the file has beyond `workload.log_bytes`, at most `most` bytes; True if there is still more.

    Runs in transactions of its own, one per part, and updates the row and the instance.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below; a missing log is an empty one
    except FileNotFoundError:
        return False
    with file:
        end = file.seek(0, 2)
        until = min(end, workload.log_bytes + most)
        while workload.log_bytes < until:
            index = workload.log_bytes // PART_BYTES
            file.seek(index * PART_BYTES)
            content = file.read(min(PART_BYTES, until - index * PART_BYTES))
            _store(workload, index, content)
    return until < end


def _store(workload: Workload, index: int, content: bytes) -> None:
    size = index * PART_BYTES + len(content)
    with scope(workload.account_id):
        part = WorkloadLog.objects.filter(workload=workload, index=index).first()
        if part is None:
            part = WorkloadLog(workload=workload, index=index)
        part.size, part.content = len(content), content
        part.save()
        Workload.objects.filter(pk=workload.pk, log_bytes__lt=size).update(log_bytes=size)
    workload.log_bytes = size


def ship_all(workload: Workload, path: Path) -> None:
    """Store everything there is."""
    while ship(workload, path):
        continue
