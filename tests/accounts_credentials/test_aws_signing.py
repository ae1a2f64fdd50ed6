"""Our signatures are those of botocore, AWS's own signer, over the same requests at the same second."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from accounts.credentials.aws import KeyPair, query_text, signed_headers

PLAIN = KeyPair("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SESSION = KeyPair("ASIAEXAMPLE", "secret", "a/session+token==")
CASES: list[dict[str, Any]] = [
    {"service": "s3", "method": "GET", "path": "/fab-data/lots/7.parquet", "query": {}},
    {"service": "s3", "method": "HEAD", "path": "/fab-data", "query": {}},
    {
        "service": "s3",
        "method": "GET",
        "path": "/fab-data",
        "query": {"list-type": "2", "prefix": "a b/한글~", "max-keys": "1"},
    },
    {"service": "s3", "method": "PUT", "path": "/fab-data/x", "query": {}, "body": b"\x00\xffbytes"},
    {
        "service": "sts",
        "method": "POST",
        "path": "/",
        "query": {},
        "body": b"Action=AssumeRole&Version=2011-06-15",
        "headers": {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
    },
]


@pytest.mark.parametrize("pair", [PLAIN, SESSION], ids=["plain", "session"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['service']} {case['method']} {case['path']}")
@pytest.mark.parametrize("host", ["s3.fab.example", "s3.fab.example:9000"])
def test_a_signature_is_what_botocore_makes_of_the_same_request(
    case: dict[str, Any], pair: KeyPair, host: str
) -> None:
    query = query_text(case["query"])
    url = f"https://{host}{case['path']}" + (f"?{query}" if query else "")
    body, headers = case.get("body", b""), case.get("headers", {})
    request = AWSRequest(case["method"], url, headers=dict(headers), data=body)
    signer = {"s3": S3SigV4Auth, "sts": SigV4Auth}[case["service"]]
    keys = Credentials(pair.access_key_id, pair.secret_access_key, pair.session_token or None)
    signer(keys, case["service"], "ap-northeast-2").add_auth(request)
    at = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = signed_headers(
        case["method"],
        url,
        pair,
        region="ap-northeast-2",
        service=case["service"],
        body=body,
        headers=headers,
        at=at,
    )
    assert ours["Authorization"] == request.headers["Authorization"]
