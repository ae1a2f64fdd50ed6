"""Trying out what is lent: a lease is taken for one request and forgotten. An operation, as every call to outside."""

from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts import leases
from accounts.credentials.s3 import call, refusal
from accounts.credentials.sts import S3Session
from accounts.errors import NotFound, PortalError
from accounts.models import TrustLink
from projects import operations
from projects.actions.links import find_link
from projects.doors.grant import Grant
from projects.models import Operation
from projects.operations.registry import Done, Failed
from projects.operations.work import Work
from projects.permissions import Permission

KIND = "lease.check"


def submit_check(
    grant: Grant, link: TrustLink, credential_id: UUID, *, idempotency_key: str = ""
) -> Operation:
    """Ask for a try of a lent credential. Raises `NotFound` where the link offers no such one."""
    offered = {one["id"]: one for one in link.terms.get("credentials", [])}
    if str(credential_id) not in offered or link.borrower_id != grant.account_id:
        raise NotFound("lease.not_offered", _("The terms of the link do not offer this credential."))
    return operations.submit(
        KIND,
        target=link,
        payload={"link": str(link.pk), "credential": str(credential_id)},
        grant=grant,
        permission=Permission.LINK_MANAGE,
        idempotency_key=idempotency_key,
    )


def advance(work: Work) -> Done:
    """Take a lease, list the borrower's folder with it, forget it."""
    link_id, credential_id = UUID(work.payload["link"]), UUID(work.payload["credential"])
    work.stage(noop("Taking a lease"))
    try:
        with work.scope():
            find_link(link_id)
        lease = leases.take(work.account_id, link_id, credential_id, "try")
        session: S3Session = lease.value
        query = {"list-type": "2", "max-keys": "1", "prefix": session.prefix}
        reply = call(session.storage, "GET", session.pair, query=query)
        if reply.status != 200:
            raise refusal(session.storage, reply)
    except PortalError as error:
        raise Failed(str(error)) from None
    return Done({"kind": lease.kind, "folder": session.prefix, "expires_at": lease.expires_at.isoformat()})
