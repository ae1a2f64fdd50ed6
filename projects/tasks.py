"""Celery only wakes up: tasks carry ids, the rows say what is to be done."""

import time
from uuid import UUID

from celery import shared_task
from django.db import connection

from accounts import audit
from accounts.actions.credentials import destroy_previous
from accounts.models import Credential, TrustLink
from accounts.tenancy import scope
from projects import expiry
from projects.actions import links
from projects.forwarding import sweep as forwarding
from projects.forwarding.turns import turn
from projects.lookups import links_ended, links_waiting, previous_secrets_due
from projects.operations import work
from projects.reviews import reminders


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


@shared_task(name="projects.forward_audit", ignore_result=True)
def forward_audit(waiting: list[tuple[str, str | None, str]]) -> int:
    """Take the turns of some targets of the audit log, one after the other. Returns how many events were acknowledged.

    What is left after a while is found by the next sweep.
    """
    sent, until = 0, time.monotonic() + 10.0
    for kind, account_id, target_id in waiting:
        sent += turn(kind, UUID(account_id) if account_id else None, UUID(target_id))
        if time.monotonic() > until:
            break
    return sent


@shared_task(name="projects.sweep_forwards", ignore_result=True)
def sweep_forwards() -> int:
    """Wake every target of the audit log that is due. Returns how many."""
    found = forwarding.lanes()
    for lane in found:
        waiting = [(kind, str(account_id) if account_id else None, str(pk)) for kind, account_id, pk in lane]
        forward_audit.apply_async((waiting,), expires=5.0, retry=False)
    return sum(map(len, found))


@shared_task(name="projects.destroy_previous_secrets", ignore_result=True)
def destroy_previous_secrets() -> int:
    """Destroy what credentials held before a switch, where the grace period is over. Returns how many."""
    destroyed = 0
    for account_id, credential_id in previous_secrets_due():
        with audit.acting_as(audit.SYSTEM, via="task"), scope(account_id):
            credential = Credential.objects.filter(pk=credential_id).first()
            destroyed += credential is not None and destroy_previous(credential)
    return destroyed


@shared_task(name="projects.sweep_access", ignore_result=True)
def sweep_access() -> int:
    """Put on record which grants, memberships and requests have come to their end."""
    return expiry.sweep()


@shared_task(name="projects.remind_of_reviews", ignore_result=True)
def remind_of_reviews() -> int:
    """Tell auditors of monthly reviews that have become overdue, once each. Returns how many."""
    return reminders.remind()


@shared_task(name="projects.expire_links", ignore_result=True)
def expire_links() -> int:
    """End the links whose time is over, on record on both sides. Returns how many."""
    ended = 0
    for lender_id, link_id in links_ended():
        with audit.acting_as(audit.SYSTEM, via="task"), scope(lender_id):
            link = TrustLink.objects.filter(pk=link_id).first()
            ended += link is not None and links.expire(link)
    return ended


@shared_task(name="projects.announce_requests", ignore_result=True)
def announce_requests() -> int:
    """Put requests for links into lenders' inboxes where the process that made them ended too early; how many."""
    with audit.acting_as(audit.SYSTEM, via="task"):
        return sum(links.announce(lender_id, link_id) for lender_id, link_id in links_waiting())


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
