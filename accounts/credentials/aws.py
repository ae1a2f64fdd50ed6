"""Signing requests to S3-compatible storage and to its STS: AWS Signature Version 4, header form.

Source: AWS, "Create a signed AWS API request". Only what is needed here: a body in memory, no chunked signing.

By hand, because what signs is a page of HMAC, and what the registries offer is more or less than that: botocore brings
30 MB of service descriptions and a client that would connect past the guarded connector; the small packages that sign
alone are first releases, or bound to another HTTP client. Tests hold every signature against botocore's own, which the
development environment has anyway.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, repr=False)
class KeyPair:
    """What signs: an access key, and a session token where the pair is a temporary one."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def query_text(query: Mapping[str, str]) -> str:
    """The query as it is both signed and sent: sorted, percent-encoded."""
    return "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(query.items()))


def signed_headers(
    method: str,
    url: str,
    pair: KeyPair,
    *,
    region: str,
    service: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> dict[str, str]:
    """Return the headers to send, `Authorization` among them. `url` has its query as `query_text` writes it."""
    parts = urlsplit(url)
    moment = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    sent = {**(headers or {}), "Host": parts.netloc, "X-Amz-Date": moment}
    if service == "s3":
        sent["X-Amz-Content-SHA256"] = digest
    if pair.session_token:
        sent["X-Amz-Security-Token"] = pair.session_token
    canonical = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
    names = ";".join(sorted(canonical))
    request = "\n".join(
        (
            method,
            parts.path or "/",
            parts.query,
            *(f"{name}:{canonical[name]}" for name in sorted(canonical)),
            "",
            names,
            digest,
        )
    )
    within = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = "\n".join((_ALGORITHM, moment, within, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{pair.secret_access_key}".encode()
    for part in within.split("/"):
        key = _hmac(key, part)
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    sent["Authorization"] = (
        f"{_ALGORITHM} Credential={pair.access_key_id}/{within}, SignedHeaders={names}, Signature={signature}"
    )
    return sent
