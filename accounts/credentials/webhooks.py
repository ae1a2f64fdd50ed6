"""Signed webhooks, as Standard Webhooks 1.0 says (standardwebhooks.com)."""

import base64
import hmac

from django.views.decorators.debug import sensitive_variables


@sensitive_variables("secret")
def signature_headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Sign a message: HMAC-SHA256 over id, time (seconds since the epoch) and body."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{digest}",
    }
