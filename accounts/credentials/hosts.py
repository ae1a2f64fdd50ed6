"""Git, container registries and webhooks: each tried with the first request of its own protocol."""

import base64
import json
import re
import time

from django.utils.translation import gettext as _

from accounts.connector import Reply, fetch
from accounts.credentials.kinds import GitSecret, RegistrySecret, WebhookSecret
from accounts.credentials.testing import Finding
from accounts.credentials.webhooks import signature_headers
from accounts.errors import Unprocessable
from accounts.ids import uuid7

_ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
_CHALLENGE = re.compile(r'(realm|service)="([^"]{1,2000})"')


def basic(username: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _status(reply: Reply) -> Unprocessable:
    return Unprocessable(
        "connect.status", _("It answered with status %(status)d.") % {"status": reply.status}
    )


def try_git(secret: GitSecret) -> Finding:
    """Ask for the repository's references, as `git ls-remote` does (git's smart HTTP protocol)."""
    url = f"{secret.url.rstrip('/')}/info/refs?service=git-upload-pack"
    reply = fetch("GET", url, headers={"Authorization": basic(secret.username, secret.token)})
    if reply.status in (401, 403):
        raise Unprocessable("git.sign_in", _("The git host refuses this user or token."))
    if reply.status == 404:
        raise Unprocessable(
            "git.repository_unknown",
            _("There is no repository at this address, or the token may not see it."),
        )
    if reply.status != 200 or reply.headers.get("content-type", "").split(";")[0] != _ADVERTISEMENT:
        raise Unprocessable("git.protocol", _("This address is not a git repository over HTTP."))
    return Finding(_("The repository answers and can be read."))


def try_registry(secret: RegistrySecret) -> Finding:
    """Sign in at `/v2/`, by password or by the token service that the registry names (OCI distribution spec)."""
    root = f"{secret.url.rstrip('/')}/v2/"
    sign_in = basic(secret.username, secret.password)
    first = fetch("GET", root)
    if first.status == 200:
        raise Unprocessable("registry.open", _("This registry asks for no sign-in: it needs no credential."))
    challenge = first.headers.get("www-authenticate", "")
    if first.status != 401 or not challenge:
        raise Unprocessable("registry.protocol", _("There is no container registry at this address."))
    if challenge.lower().startswith("bearer"):
        sign_in = f"Bearer {_registry_token(challenge, sign_in)}"
    reply = fetch("GET", root, headers={"Authorization": sign_in})
    if reply.status in (401, 403):
        raise Unprocessable("registry.sign_in", _("The registry refuses this user or password."))
    if reply.status != 200:
        raise _status(reply)
    return Finding(_("The registry lets this user in."))


def _registry_token(challenge: str, sign_in: str) -> str:
    """Get a token from the service that the challenge names (distribution's token authentication)."""
    found = dict(_CHALLENGE.findall(challenge))
    if not found.get("realm", "").startswith(("https://", "http://")) or "?" in found["realm"]:
        raise Unprocessable("registry.protocol", _("There is no container registry at this address."))
    service = re.sub(r"[^A-Za-z0-9._:/-]", "", found.get("service", ""))
    reply = fetch("GET", f"{found['realm']}?service={service}", headers={"Authorization": sign_in})
    if reply.status in (401, 403):
        raise Unprocessable("registry.sign_in", _("The registry refuses this user or password."))
    try:
        answer = json.loads(reply.body)
        token = answer.get("token") or answer["access_token"]
    except (ValueError, KeyError, TypeError, AttributeError):
        token = None
    if reply.status != 200 or not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise Unprocessable("registry.protocol", _("The registry's token service gives no token."))
    return token


def try_webhook(secret: WebhookSecret) -> Finding:
    """Send a signed ping; any answer of the 2xx kind will do."""
    if secret.url is None:
        raise Unprocessable(
            "webhook.no_address",
            _("This secret has no address of its own: try the webhook that signs with it."),
        )
    body = json.dumps({"type": "ping"}).encode()
    headers = signature_headers(secret.secret, f"msg_{uuid7().hex}", int(time.time()), body)
    reply = fetch("POST", secret.url, headers={**headers, "Content-Type": "application/json"}, body=body)
    if not 200 <= reply.status < 300:
        raise _status(reply)
    return Finding(_("The receiver took a signed ping (status %(status)d).") % {"status": reply.status})
