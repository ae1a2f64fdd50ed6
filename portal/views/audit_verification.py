"""The audit room's verification page: the chain of checkpoints, every log's head, receipts, “verify now”."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.audit.rows import PLATFORM_LOG, log_name
from accounts.audit.status import status_of
from accounts.audit.verify_export import Signed, digest
from accounts.models import Account, AuditGlobal, AuditHead, AuditKey
from portal.audit_verification import ask_for_everything
from projects.doors.pages import PlatformView
from projects.views.common import page_of

_LINKS = 20


def _link(row: AuditGlobal) -> dict[str, Any]:
    fields = Signed(row.body, b"").fields
    return {
        "sequence": row.sequence,
        "at": row.at,
        "moved": row.body.count("\nhead "),
        "digest": digest(row.body),
        "previous": fields["previous"],
        "key": fields["key"],
    }


class AuditVerificationPage(PlatformView):
    """How the sealing of all logs stands."""

    reader: ClassVar[str] = "auditor"

    def get(self, request: HttpRequest) -> HttpResponse:
        seal = status_of(None)
        context = page_of(request, AuditHead.objects.all(), ordering=("-at", "-log_id"))
        heads = context.pop("rows")
        wanted = [head.log_id for head in heads if head.log_id != PLATFORM_LOG]
        names = dict(Account.objects.filter(pk__in=wanted).values_list("pk", "name"))
        for head in heads:
            head.name = "" if head.log_id == PLATFORM_LOG else names.get(head.log_id, str(head.log_id))
        context |= {
            "seal": seal,
            "heads": heads,
            "chain": [_link(row) for row in AuditGlobal.objects.order_by("-sequence")[:_LINKS]],
            "keys": list(AuditKey.objects.order_by("-sequence")),
            "busy": seal.verification is not None and seal.verification.state != "finished",
            "verify_url": reverse("portal:audit_verification"),
            "verify_api": "/api/v1/platform/audit-log/verify",
            "receipt_url": "/api/v1/platform/audit-log/receipt",
            "consistency_url": "/api/v1/platform/audit-log/consistency",
            "proof_logs": [(log_name(head.log_id), head.name or _("The platform itself")) for head in heads],
            "exports": [],
        }
        return self.page(request, "portal/audit_verification.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        ask_for_everything(self.identity.actor.label)
        messages.info(request, _("The verification of every log has been asked for."))
        return HttpResponseRedirect(reverse("portal:audit_verification"))
