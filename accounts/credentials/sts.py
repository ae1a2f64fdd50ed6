"""Leases of S3-compatible storage: STS AssumeRole with a session policy that narrows the role to one folder.

Source: AWS, Security Token Service API, AssumeRole (2011-06-15). The session may do what the role may *and* the policy
allows.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.utils.translation import gettext as _

from accounts.connector import fetch
from accounts.credentials.aws import KeyPair, signed_headers
from accounts.credentials.kinds import S3Secret
from accounts.credentials.s3 import own_pair, refusal
from accounts.errors import Unprocessable
from accounts.leases import Wanted
from accounts.links import STORAGE_READ, STORAGE_WRITE

_VERSION = "2011-06-15"
_FIELDS = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")


@dataclass(frozen=True, repr=False)
class S3Session:
    """A temporary key pair, and the folder of the bucket that it opens."""

    storage: S3Secret
    pair: KeyPair
    prefix: str


def session_policy(bucket: str, prefix: str, permissions: list[Any]) -> dict[str, Any]:
    """The policy of a session: its own folder, to read, to write, or both."""
    objects = f"arn:aws:s3:::{bucket}/{prefix}*"
    statements: list[dict[str, Any]] = []
    if STORAGE_READ in permissions:
        statements += [
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [objects]},
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": [f"arn:aws:s3:::{bucket}"],
                "Condition": {"StringLike": {"s3:prefix": [f"{prefix}*"]}},
            },
        ]
    if STORAGE_WRITE in permissions:
        actions = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
        statements.append({"Effect": "Allow", "Action": actions, "Resource": [objects]})
    return {"Version": "2012-10-17", "Statement": statements}


def assume_role(secret: S3Secret, wanted: Wanted) -> tuple[S3Session, datetime]:
    """Derive a session for the borrower's folder. Raises `Unprocessable` where nothing of storage is lent, the
    credential has no role, or the storage refuses.
    """
    prefix = f"{wanted.namespace}/"
    policy = session_policy(secret.bucket, prefix, list(wanted.terms.permissions))
    if not policy["Statement"]:
        raise Unprocessable(
            "lease.permissions", _("The terms of the link let the borrower do nothing with storage.")
        )
    if secret.role_arn is None:
        raise Unprocessable(
            "lease.role", _("The lender's credential names no role that sessions could be of.")
        )
    parts = urlsplit(secret.endpoint)
    url = f"{parts.scheme}://{parts.netloc}/"
    body = urlencode(
        {
            "Action": "AssumeRole",
            "Version": _VERSION,
            "RoleArn": secret.role_arn,
            "RoleSessionName": wanted.session,
            "DurationSeconds": str(int(wanted.lifetime.total_seconds())),
            "Policy": json.dumps(policy, separators=(",", ":")),
        }
    ).encode()
    headers = signed_headers(
        "POST",
        url,
        own_pair(secret),
        region=secret.region,
        service="sts",
        body=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    reply = fetch("POST", url, headers=headers, body=body)
    text = reply.body.decode("utf-8", "replace")
    found = {name: re.search(rf"<{name}>([^<]{{1,4096}})</{name}>", text) for name in _FIELDS}
    if reply.status != 200 or None in found.values():
        raise refusal(secret, reply)
    key, hidden, token, end = (match[1] for match in found.values() if match)
    try:
        expires_at = datetime.fromisoformat(end).astimezone(UTC)
    except ValueError:
        raise Unprocessable("lease.answer", _("The storage's session service answered oddly.")) from None
    return S3Session(secret, KeyPair(key, hidden, token), prefix), expires_at
