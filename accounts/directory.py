"""Passwords that a directory knows: LDAP (RFC 4511), by search under the portal's own name, then a bind as the person.

Names go into filters escaped (RFC 4515), an empty password is refused before anything is asked (RFC 4513, 5.1.2: it
would bind as nobody, successfully), and exactly one entry must match. Over a network the connection is TLS, with the
server's certificate and name checked.
"""

import ssl
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from ldap3 import NONE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars

from accounts.actions.external import Claims
from accounts.errors import Unavailable

ISSUER = "ldap"
_SECONDS = 5
_MOST_GROUPS = 1000
_NAMES = ("displayName", "cn")


def enabled() -> bool:
    """Whether a directory is set up."""
    return bool(settings.LDAP_URL)


@sensitive_variables("password")
def identify(username: str, password: str, *, decoy: bool = False) -> Claims | None:
    """Return who this is in the directory, or None where name or password are wrong.

    With `decoy` the answer is always None, after as many exchanges with the directory: for names of accounts of the
    portal's own, so that nobody learns which those are, and the directory never sees their passwords. Raises
    `Unavailable` where the directory does not answer.
    """
    wanted = settings.LDAP_USER_FILTER.replace("{username}", escape_filter_chars(username.strip()))
    return _identified(wanted, username, password, decoy)


@sensitive_variables("password")
def confirms(subject: str, password: str) -> bool:
    """Whether this is the password of whoever the directory knows by that identifier. Raises `Unavailable`."""
    name = settings.LDAP_ID_ATTRIBUTE
    value = escape_filter_chars(subject)
    if name.lower() == "objectguid":
        value = "".join(f"\\{subject[index : index + 2]}" for index in range(0, len(subject), 2))
    claims = _identified(f"({name}={value})", "", password, False)
    return claims is not None and claims.subject == subject


@sensitive_variables("password")
def _identified(wanted: str, username: str, password: str, decoy: bool) -> Claims | None:
    if not password:
        return None
    try:
        with _connected(settings.LDAP_BIND_DN, settings.LDAP_BIND_PASSWORD) as service:
            if service is None:
                raise _unavailable()
            entry = _entry_of(service, wanted)
            dn, secret = settings.LDAP_BIND_DN, settings.LDAP_BIND_PASSWORD
            if entry is not None and not decoy:
                dn, secret = entry["dn"], password
            with _connected(dn, secret) as bound:
                if bound is None or entry is None or decoy:
                    return None
            return _claims(service, entry, username)
    except LDAPException as error:
        raise _unavailable() from error


def _unavailable() -> Unavailable:
    return Unavailable(
        "directory.unavailable", _("The directory of your organisation does not answer. Try again later.")
    )


class _connected:  # a context manager, called like a function
    """A bound connection, or None where the bind is refused; closed at the end."""

    def __init__(self, dn: str, password: str) -> None:
        tls = Tls(
            validate=ssl.CERT_REQUIRED,
            ca_certs_file=str(settings.LDAP_CA_FILE) if settings.LDAP_CA_FILE else None,
            version=ssl.PROTOCOL_TLS_CLIENT,
        )
        server = Server(settings.LDAP_URL, tls=tls, connect_timeout=_SECONDS, get_info=NONE)
        self._connection = Connection(
            server,
            user=dn or None,
            password=password or None,
            read_only=True,
            receive_timeout=_SECONDS,
            auto_referrals=False,
            check_names=False,
        )

    def __enter__(self) -> Any:
        connection = self._connection
        connection.open()
        if settings.LDAP_URL.startswith("ldap:") and settings.LDAP_START_TLS and not connection.start_tls():
            raise _unavailable()
        return connection if connection.bind() else None

    def __exit__(self, *_exc: object) -> None:
        self._connection.unbind()


def _entry_of(service: Any, wanted: str) -> dict[str, Any] | None:
    attributes = [settings.LDAP_ID_ATTRIBUTE, *_NAMES, "mail"]
    service.search(
        settings.LDAP_BASE, wanted, SUBTREE, attributes=attributes, size_limit=2, time_limit=_SECONDS
    )
    found = [entry for entry in service.response or [] if entry.get("type") == "searchResEntry"]
    return found[0] if len(found) == 1 else None


def _texts(entry: dict[str, Any], name: str) -> list[str]:
    """An attribute's values; bytes that are no text (Active Directory's objectGUID) in hexadecimal."""
    raw: list[bytes] = next(
        (values for key, values in entry["raw_attributes"].items() if key.lower() == name.lower()), []
    )
    texts = []
    for value in raw:
        try:
            texts.append(value.decode())
        except UnicodeDecodeError:
            texts.append(value.hex())
    return texts


def _claims(service: Any, entry: dict[str, Any], username: str) -> Claims | None:
    identifiers = _texts(entry, settings.LDAP_ID_ATTRIBUTE)
    if len(identifiers) != 1 or len(identifiers[0]) > 255:
        raise _unavailable()
    names = [text for name in _NAMES for text in _texts(entry, name)]
    mail = _texts(entry, "mail")
    return Claims(
        ISSUER,
        identifiers[0],
        username.strip(),
        names[0] if names else "",
        mail[0] if mail else "",
        tuple(_groups(service, entry["dn"], username)) if settings.LDAP_GROUPS else (),
    )


def _groups(service: Any, dn: str, username: str) -> list[str]:
    wanted = settings.LDAP_GROUP_FILTER.replace("{dn}", escape_filter_chars(dn))
    wanted = wanted.replace("{username}", escape_filter_chars(username.strip()))
    service.search(
        settings.LDAP_GROUP_BASE,
        wanted,
        SUBTREE,
        attributes=["cn"],
        size_limit=_MOST_GROUPS,
        time_limit=_SECONDS,
    )
    rows = [entry for entry in service.response or [] if entry.get("type") == "searchResEntry"]
    return [name for entry in rows for name in _texts(entry, "cn")]
