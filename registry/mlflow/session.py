"""The base of the portal's MLflow client: requests in one account's workspace."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.errors import Invalid
from registry.mlflow import transport

V2 = "/api/2.0/mlflow"
Pairs = Mapping[str, str]


def listed(values: Pairs | None) -> list[dict[str, str]]:
    """A dict as MLflow's list of keys and values."""
    return [{"key": key, "value": value} for key, value in (values or {}).items()]


def page_token(text: str) -> str | None:
    """Check a page token that came from outside; None for the first page. Raises `Invalid`.

    MLflow's are base64 of `{"offset": n}`; it answers 500 to much of what it has not made itself.
    """
    if not text:
        return None
    try:
        offset = json.loads(base64.b64decode(text.encode("ascii"), validate=True))["offset"]
        known = isinstance(offset, int) and 0 <= offset < 2**31
    except (ValueError, TypeError, KeyError):
        known = False
    if not known:
        message = _("This is not the cursor of a page. Start from the first page again.")
        raise Invalid("cursor.invalid", message, errors={"cursor": [message]})
    return text


@dataclass(frozen=True, slots=True)
class Session:
    """Requests in the workspace of one account."""

    account_id: UUID

    def get(self, path: str, /, **params: Any) -> Any:
        """Read; empty parameters are left out."""
        kept = {name: value for name, value in params.items() if value not in (None, "")}
        return transport.call(self.account_id, "GET", path, params=kept)

    def send(self, method: str, path: str, /, **body: Any) -> Any:
        """Send a JSON body; fields that are None are left out."""
        kept = {name: value for name, value in body.items() if value is not None}
        return transport.call(self.account_id, method, path, json=kept)

    def ensure_workspace(self) -> str:
        """Make the account's workspace if there is none; returns its name. Every method does so by itself."""
        return transport.ensure_workspace(self.account_id)
