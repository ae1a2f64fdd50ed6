"""S3-compatible storage: the one request that tells whether a key pair opens a bucket."""

import re
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext as _

from accounts.connector import Reply, fetch
from accounts.credentials.aws import KeyPair, query_text, signed_headers
from accounts.credentials.kinds import S3Secret
from accounts.credentials.testing import Finding
from accounts.errors import PortalError, Unprocessable

# Codes of S3's and STS' error documents: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_CODE = re.compile(rb"<Code>([A-Za-z.]{1,60})</Code>")


def bucket_url(secret: S3Secret, key: str = "") -> str:
    """The address of the bucket, or of an object in it, in path style or as a host of its own."""
    parts = urlsplit(secret.endpoint)
    path = parts.path.rstrip("/")
    object_path = "/" + quote(key, safe="/-_.~") if key else ""
    if secret.path_style:
        return f"{parts.scheme}://{parts.netloc}{path}/{secret.bucket}{object_path}"
    return f"{parts.scheme}://{secret.bucket}.{parts.netloc}{path}{object_path or '/'}"


def error_code(reply: Reply) -> str:
    """The code of an S3 error document, or an empty text."""
    found = _CODE.search(reply.body)
    return found[1].decode() if found else ""


def refusal(secret: S3Secret, reply: Reply) -> PortalError:
    """Say in our words why the storage refused."""
    code = error_code(reply)
    sentences = {
        "InvalidAccessKeyId": _("The storage does not know this access key."),
        "InvalidClientTokenId": _("The storage does not know this access key."),
        "SignatureDoesNotMatch": _("The secret access key is not the one of this access key."),
        "AccessDenied": _("The key pair may not do this."),
        "ExpiredToken": _("The session has ended."),
        "NoSuchBucket": _("There is no bucket “%(bucket)s” there.") % {"bucket": secret.bucket},
        "PermanentRedirect": _("The bucket is in another region or at another endpoint."),
        "AuthorizationHeaderMalformed": _("The region is not the bucket's."),
        "RequestTimeTooSkewed": _("The portal's clock and the storage's differ too much."),
    }
    text = sentences.get(code) or _("The storage answered with status %(status)d.") % {"status": reply.status}
    return Unprocessable(f"s3.{code.lower() or 'refused'}", text)


def call(
    secret: S3Secret,
    method: str,
    pair: KeyPair,
    *,
    key: str = "",
    query: dict[str, str] | None = None,
    body: bytes = b"",
) -> Reply:
    """Send a signed request to the bucket and return whatever came back."""
    url = bucket_url(secret, key) + (f"?{query_text(query)}" if query else "")
    headers = signed_headers(method, url, pair, region=secret.region, service="s3", body=body)
    return fetch(method, url, headers=headers, body=body)


def own_pair(secret: S3Secret) -> KeyPair:
    """The key pair that the credential holds."""
    return KeyPair(secret.access_key_id, secret.secret_access_key)


def try_s3(secret: S3Secret) -> Finding:
    """List at most one object."""
    reply = call(secret, "GET", own_pair(secret), query={"list-type": "2", "max-keys": "1"})
    if reply.status != 200 or b"<ListBucketResult" not in reply.body:
        raise refusal(secret, reply)
    return Finding(_("The bucket “%(bucket)s” answers and can be listed.") % {"bucket": secret.bucket})
