"""From where a request came, as the audit log keeps it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.http import HttpRequest

from accounts import audit
from accounts.audit import Actor, Context


@dataclass(frozen=True, slots=True)
class Origin:
    """How somebody came in (`via`: page, api, gateway), under which request id, from which address and program."""

    via: str
    request_id: str = ""
    ip: str = ""
    user_agent: str = ""
    path: str = ""
    # Asked for by a page that is open, to keep itself up to date.
    refresh: bool = False

    @classmethod
    def of(cls, request: HttpRequest, via: str) -> "Origin":
        """Read the origin off a Django request; `request.request_id` and `request.client_ip` come from middleware."""
        return cls(
            via,
            getattr(request, "request_id", ""),
            getattr(request, "client_ip", None) or request.META.get("REMOTE_ADDR", "") or "",
            request.headers.get("User-Agent", ""),
            request.path,
            request.headers.get("HX-Request") == "true",
        )

    @contextmanager
    def acting(self, actor: Actor) -> Iterator[Context]:
        """Say that `actor` acts from here."""
        with audit.acting_as(
            actor, via=self.via, request_id=self.request_id, ip=self.ip, user_agent=self.user_agent
        ) as context:
            yield context
