"""Celery only wakes up: tasks carry ids, the rows say what is to be done."""

from uuid import UUID

from celery import shared_task
from django.db import connection

from projects.operations import work


@shared_task(name="projects.run_operation", ignore_result=True)
def run_operation(account_id: str, operation_id: str) -> None:
    """Take one step of an operation, if it is due and nobody else has it."""
    work.run(UUID(account_id), UUID(operation_id))


@shared_task(name="projects.sweep_operations", ignore_result=True)
def sweep_operations() -> int:
    """Wake every operation that is due: what lost messages, lost workers and restarts have left behind."""
    found = work.due()
    for account_id, operation_id in found:
        run_operation.apply_async((str(account_id), str(operation_id)))
    return len(found)


@shared_task(name="projects.ensure_audit_partitions", ignore_result=True)
def ensure_audit_partitions() -> list[str]:
    """Make this month's and the next month's partition of the audit log, where they are missing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT audit_ensure_partition(current_date),"
            " audit_ensure_partition((current_date + interval '1 month')::date)"
        )
        names: tuple[str, str] = cursor.fetchone()
    return list(names)
