"""X.509 certificates of tenants: read, never trusted here. Errors are `ValueError`s that quote nothing."""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from django.utils.translation import gettext as _


def _load(pem: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, TypeError):
        return []


def check_certificates(pem: str) -> str:
    """Return the text unchanged if it is one or more PEM certificates, else raise `ValueError`."""
    if not _load(pem):
        raise ValueError(_("this is not a PEM certificate"))
    return pem


def check_pair(certificate: str, key: str) -> None:
    """Raise `ValueError` unless the key is an unencrypted PEM key, and the first certificate's."""
    try:
        loaded = load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError):
        loaded = None
    if loaded is None:
        raise ValueError(_("client_key is not a PEM key without a password"))
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if _load(certificate)[0].public_key().public_bytes(*form) != loaded.public_key().public_bytes(*form):
        raise ValueError(_("client_key is not the key of client_certificate"))


def not_after(pem: str) -> datetime | None:
    """Return when the first certificate of a PEM text ends (UTC)."""
    found = _load(pem)
    return found[0].not_valid_after_utc if found else None
