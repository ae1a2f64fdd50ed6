"""Handing events over: what returns was taken by the other side, what was not raises `NotTaken` with a sentence."""

import json
import smtplib
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.connector import Trust, fetch, pour
from accounts.credentials.webhooks import signature_headers
from accounts.errors import PortalError
from projects.forwarding import entries
from projects.forwarding.entries import Entry
from projects.models import ForwardTarget

Kind = ForwardTarget.Kind
BATCH_TYPE = "application/cloudevents-batch+json"
# A receiver that hangs costs a worker's thread for no longer.
SECONDS = 5.0


class NotTaken(Exception):
    """The other side did not take it; the text is for people."""


@dataclass(frozen=True, repr=False)
class Receiver:
    """Where a target leads, and the secret that signs what is posted there."""

    kind: str
    address: str
    authority: str
    secret: str

    def send(self, batch: list[Entry]) -> None:
        """Hand over a batch of entries. Raises `NotTaken`."""
        if self.kind == Kind.WEBHOOK:
            self._post([entries.cloud_event(entry) for entry in batch])
        else:
            self._pour(b"".join(map(entries.syslog_line, batch)))

    def send_event(self, event: dict[str, Any], subject: str, text: str) -> None:
        """Hand over a receipt or a trial; by mail, `event`'s data is the attachment. Raises `NotTaken`."""
        if self.kind == Kind.WEBHOOK:
            self._post([event])
        elif self.kind == Kind.MAIL:
            self._mail(event, subject, text)
        else:
            self._pour(entries.syslog_event(event))

    @sensitive_variables()
    def _post(self, events: list[dict[str, Any]]) -> None:
        body = entries.batch(events)
        # The same events have the same id, however often they are posted.
        message = str(uuid5(NAMESPACE_URL, " ".join(f"{event['source']} {event['id']}" for event in events)))
        headers = {
            "Content-Type": BATCH_TYPE,
            **signature_headers(self.secret, message, int(time.time()), body),
        }
        try:
            reply = fetch(
                "POST",
                self.address,
                headers=headers,
                body=body,
                trust=Trust(self.authority),
                seconds=SECONDS,
            )
        except PortalError as error:
            raise NotTaken(str(error.detail)) from error
        if not 200 <= reply.status < 300:
            raise NotTaken(_("The receiver answered %(status)d.") % {"status": reply.status})

    def _pour(self, payload: bytes) -> None:
        host, port = host_and_port(self.address)
        trust = Trust(self.authority) if self.kind == Kind.SYSLOG_TLS else None
        try:
            pour(host, port, payload, trust=trust, seconds=SECONDS)
        except PortalError as error:
            raise NotTaken(str(error.detail)) from error

    def _mail(self, event: dict[str, Any], subject: str, text: str) -> None:
        if not settings.EMAIL_ON:
            raise NotTaken(_("This installation sends no mail."))
        letter = EmailMessage(
            subject=subject,
            body=text,
            from_email=settings.DEFAULT_FROM_EMAIL,
            to=[part.strip() for part in self.address.split(",")],
            headers={"Auto-Submitted": "auto-generated"},
        )
        data = event["data"]
        if "checkpoint" in data:
            name = f"audit-receipt-{data['log']}-{data['sequence']}.json"
            letter.attach(name, json.dumps(data, ensure_ascii=False), "application/json")
        try:
            with get_connection(fail_silently=False) as connection:
                connection.send_messages([letter])
        except smtplib.SMTPRecipientsRefused:
            raise NotTaken(_("The mail server refuses this address.")) from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotTaken(
                _("The mail server did not take it (%(what)s).") % {"what": type(error).__name__}
            ) from error


def host_and_port(address: str) -> tuple[str, int]:
    """Read `host:port`, an IPv6 address in brackets; raises ValueError for anything else."""
    parts = urlsplit(f"//{address}")
    if not parts.hostname or parts.port is None or parts.path or parts.query or "@" in address:
        raise ValueError(address)
    return parts.hostname, parts.port
