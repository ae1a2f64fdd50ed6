"""`GET …/audit-log/events`: the log as it grows, as server-sent events.

Followed is the order of sealing, not the time of the records: what commits late has an earlier time, and would be
skipped by a reader who goes by time. A leaf's number is the event's id, so that a reader who comes back with it misses
nothing and sees nothing twice; a record shows within the seconds that sealing takes.
"""

import re
import time
from typing import Any, ClassVar
from urllib.parse import parse_qsl
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts import audit
from accounts.audit import Target
from accounts.errors import Invalid
from accounts.models import AuditEvent
from accounts.tenancy import require_account
from projects.audit_actions import action_in_words
from projects.audit_log import asked_for, matching
from projects.audit_words import via_in_words
from projects.doors.asgi import AsgiRequest
from projects.doors.grant import Grant
from projects.serializers.audit import AuditFilters
from projects.streams import FOLLOW_PARAMETER, FOLLOW_RESPONSE, STREAM_SECONDS, FollowApp

# A tail goes on: these end it before it has begun.
UNENDING_WITHOUT = frozenset({"period", "since", "until"})
SHOWN_FIRST = 20
AT_ONCE = 200
_LEAVES = """
SELECT index, event_id, event_at FROM accounts_auditleaf
WHERE log_id = %s AND index >= %s ORDER BY index LIMIT %s
"""
_SIZE = "SELECT coalesce(max(index) + 1, 0) FROM accounts_auditleaf WHERE log_id = %s"


class TailFilters(AuditFilters):
    """Which records to follow, for how long, and whether to tell them in words."""

    words = serializers.BooleanField(default=False)
    seconds = serializers.FloatField(required=False, min_value=0, max_value=STREAM_SECONDS)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {name: field for name, field in fields.items() if name not in UNENDING_WITHOUT}


def _filters(text: str) -> dict[str, Any]:
    """Parse a query string; raises `Invalid`."""
    pairs = parse_qsl(text, keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs):
        errors = {name: [_("Give this parameter once.")] for name in given}
    else:
        serializer = TailFilters(data=given)
        if serializer.is_valid():
            parsed: dict[str, Any] = serializer.validated_data
            return parsed
        errors = {name: [str(each) for each in texts] for name, texts in serializer.errors.items()}
    raise Invalid(
        "request.query",
        _("These query parameters are not valid: %(names)s.") % {"names": ", ".join(errors)},
        errors=errors,
    )


def line(event: AuditEvent, words: bool = False) -> str:
    """Write a record as one line: when, who, what, to which thing, how it ended, from where.

    With `words` what was done, how it ended and came in are told for people, in the active language; the action's code
    stays, in brackets.
    """
    who = event.actor_label
    if event.on_behalf_of and event.on_behalf_of != who:
        who = f"{who} → {event.on_behalf_of}"
    thing = event.target_label or event.target_id
    action, outcome, via = event.action, event.outcome, event.via
    if words:
        told = action_in_words(action)
        action = f"{told} ({action})" if told != action else action
        outcome, via = str(event.get_outcome_display()), via_in_words(via)
    parts = [f"{event.at:%Y-%m-%d %H:%M:%S}", who, action, thing, outcome, via, event.ip]
    return re.sub(r"[\x00-\x1f\x7f]+", " ", "  ".join(part for part in parts if part)) + "\n"


def sealed_after(leaf: int, wanted: dict[str, Any]) -> list[tuple[int, str]]:
    """Return the records sealed from leaf `leaf` on, at most so many at once, each with the number to go on from."""
    account_id = require_account()
    with connection.cursor() as cursor:
        if leaf == 0:
            cursor.execute(_SIZE, [account_id])
            (size,) = cursor.fetchone()
            leaf = max(0, size - SHOWN_FIRST)
        cursor.execute(_LEAVES, [account_id, leaf, AT_ONCE])
        leaves: list[tuple[int, UUID, Any]] = cursor.fetchall()
    if not leaves:
        return []
    times = [at for _index, _pk, at in leaves]
    rows = AuditEvent.objects.filter(
        account_id=account_id,
        pk__in=[pk for _index, pk, _at in leaves],
        at__gte=min(times),
        at__lte=max(times),
    )
    found = {event.pk: event for event in matching(rows, wanted)}
    pieces = [
        (index + 1, line(found[pk], bool(wanted.get("words")))) for index, pk, _at in leaves if pk in found
    ]
    last = leaves[-1][0] + 1
    # What does not match is behind the reader too.
    return pieces if pieces and pieces[-1][0] == last else [*pieces, (last, "")]


class AuditTail(FollowApp):
    """Following is on record, again each time that the reader comes back through the door."""

    actions: ClassVar[dict[str, str]] = {"GET": "audit.read"}
    documentation: ClassVar[dict[str, dict[str, Any]]] = {
        "GET": {
            "operationId": "audit_log_follow",
            "summary": "Follow the log as it is sealed: server-sent events `log` and `state`",
            "parameters": [
                FOLLOW_PARAMETER,
                {
                    "in": "query",
                    "name": "seconds",
                    "schema": {"type": "number", "minimum": 0, "maximum": STREAM_SECONDS},
                    "description": "For how long to follow, a minute unless told; then come back.",
                },
                {
                    "in": "query",
                    "name": "words",
                    "schema": {"type": "boolean"},
                    "description": "Actions (with their codes), outcomes and ways in words, in your language.",
                },
                *(
                    {
                        "in": "query",
                        "name": name,
                        "schema": {"type": "string", "minLength": 1, **more},
                        "description": "As in the list of audit events.",
                    }
                    for name, more in (
                        ("actor", {"maxLength": 160}),
                        ("action", {"maxLength": 64}),
                        ("outcome", {"enum": ["ok", "denied", "failed"]}),
                    )
                ),
            ],
            "responses": FOLLOW_RESPONSE,
        }
    }

    def admit(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        wanted = _filters(request.query_string.decode("latin-1"))
        detail = {"filters": asked_for(wanted), "live": True}
        audit.record("audit.read", Target("auditlog", "", ""), detail=detail)

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        asked = request.query_string.decode("latin-1")
        until = time.monotonic() + _filters(asked).get("seconds", STREAM_SECONDS)
        await super().handle(request, grant, **kwargs, asked=asked, until=str(until))

    def look(self, after: int, **kwargs: str) -> tuple[bool, dict[str, Any], list[tuple[int, str]]]:
        """The log never ends; the time to follow it does."""
        over = time.monotonic() >= float(kwargs["until"])
        return over, {"state": "running"}, sealed_after(after, _filters(kwargs["asked"]))
