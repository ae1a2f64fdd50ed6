"""Trying out a Kubernetes credential: the server's version, and what the credential may do in its namespace."""

import json

from django.utils.translation import gettext as _

from accounts.connector import Reply, Trust, fetch
from accounts.credentials import Finding
from accounts.credentials.kinds import KubeconfigSecret
from accounts.errors import Unprocessable

_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def _call(secret: KubeconfigSecret, method: str, path: str, body: bytes = b"") -> Reply:
    trust = Trust(secret.certificate_authority, secret.client_certificate or "", secret.client_key or "")
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if secret.token:
        headers["Authorization"] = f"Bearer {secret.token}"
    reply = fetch(method, secret.server.rstrip("/") + path, headers=headers, body=body, trust=trust)
    if reply.status == 401:
        raise Unprocessable("kubernetes.sign_in", _("The cluster refuses this token or certificate."))
    if reply.status not in (200, 201):
        raise Unprocessable(
            "kubernetes.status", _("The cluster answered with status %(status)d.") % {"status": reply.status}
        )
    return reply


def try_kubernetes(secret: KubeconfigSecret) -> Finding:
    """Read `/version` and review whether pods may be created in the namespace."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {"namespace": secret.namespace, "verb": "create", "resource": "pods"},
        },
    }
    try:
        version = json.loads(_call(secret, "GET", "/version").body)["gitVersion"]
        answer = json.loads(_call(secret, "POST", _REVIEW, json.dumps(review).encode()).body)
        allowed = answer["status"]["allowed"] is True
    except (ValueError, KeyError, TypeError):
        raise Unprocessable("kubernetes.protocol", _("There is no Kubernetes at this address.")) from None
    facts = {
        "version": "".join(letter for letter in str(version) if letter.isalnum() or letter in ".-+")[:40],
        "namespace": secret.namespace,
    }
    if not allowed:
        raise Unprocessable(
            "kubernetes.permission",
            _("Kubernetes %(version)s answers, and lets this credential create no pods in “%(namespace)s”.")
            % facts,
        )
    return Finding(_("Kubernetes %(version)s answers; pods may be created in “%(namespace)s”.") % facts)
