"""Reading a kubeconfig without trusting it: known fields are taken, everything that runs or weakens is refused.

A kubeconfig may name a program to run (`exec`), a plug-in, files of this machine, a proxy, or switch verification off.
Nothing of it is handed to a Kubernetes client as it is. Format: Kubernetes' `clientcmd/api/v1`.
"""

import base64
import binascii
from typing import Any

import yaml
from django.utils.translation import gettext as _

from accounts.errors import Unprocessable

_LIMIT = 256 * 1024
_CLUSTER = {"server": "server", "certificate-authority-data": "certificate_authority"}
_USER = {
    "token": "token",
    "client-certificate-data": "client_certificate",
    "client-key-data": "client_key",
}
_CONTEXT = frozenset({"cluster", "user", "namespace", "extensions"})


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: a few bytes of them stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed")
        return super().compose_node(parent, index)


def _refused(detail: str) -> Unprocessable:
    return Unprocessable("kubeconfig.refused", detail)


def _named(document: dict[str, Any], group: str, name: Any, key: str) -> dict[str, Any]:
    """The entry of a list that has this name."""
    entries = document.get(group)
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(key), dict):
            found: dict[str, Any] = entry[key]
            return found
    raise _refused(_("The kubeconfig has no %(what)s that its context names.") % {"what": key})


def _taken(entry: dict[str, Any], known: dict[str, str], where: str) -> dict[str, str]:
    for name, given in entry.items():
        if name == "extensions" or (name == "insecure-skip-tls-verify" and given is False):
            continue
        if name not in known:
            raise _refused(
                _(
                    "The kubeconfig's %(where)s has “%(field)s”, which this portal does not take: it takes a server, "
                    "its certificate authority, and a token or a client certificate as data."
                )
                % {"where": where, "field": str(name)[:60]}
            )
    found: dict[str, str] = {}
    for name, part in known.items():
        value = entry.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise _refused(_("“%(field)s” of the kubeconfig is not a text.") % {"field": name})
        found[part] = _decoded(name, value) if name.endswith("-data") else value
    return found


def _decoded(name: str, value: str) -> str:
    try:
        return base64.b64decode("".join(value.split()), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        message = _("“%(field)s” of the kubeconfig is not Base64 of a PEM text.") % {"field": name}
        raise _refused(message) from None


def read_kubeconfig(parts: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a Kubernetes credential from `{"kubeconfig": text, "context"?: name}`.

    The current context counts unless another is named. Raises `Unprocessable` for what is not taken; the message
    names fields, never values.
    """
    text, wanted = parts.get("kubeconfig"), parts.get("context")
    if set(parts) - {"kubeconfig", "context"} or not isinstance(text, str) or len(text) > _LIMIT:
        raise _refused(_("Give the kubeconfig as one text, and with it at most the name of a context."))
    try:
        document = yaml.load(text, Loader=_PlainLoader)  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _refused(_("The kubeconfig is not YAML of the expected form."))
    name = wanted or document.get("current-context")
    context = _named(document, "contexts", name, "context")
    if set(context) - _CONTEXT:
        raise _refused(_("The kubeconfig's context has fields that this portal does not take."))
    found = _taken(_named(document, "clusters", context.get("cluster"), "cluster"), _CLUSTER, "cluster")
    found |= _taken(_named(document, "users", context.get("user"), "user"), _USER, "user")
    if namespace := context.get("namespace"):
        found["namespace"] = namespace
    return found
