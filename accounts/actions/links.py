"""Putting what one party does with a link on the other party's record, in the same transaction."""

import json
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts import audit
from accounts.ids import uuid7


def tell(link_id: UUID, action: str, *, outcome: str = "ok", detail: dict[str, Any] | None = None) -> None:
    """Record in the other party's log what the account in scope has done; the actor there is the account alone."""
    context = audit.current_context()
    event = {
        "id": str(uuid7()),
        "at": timezone.now().isoformat(),
        "action": action,
        "outcome": outcome,
        "via": context.via if context else "task",
        "detail": detail or {},
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT link_tell(%s, %s::jsonb)", [link_id, json.dumps(event)])
