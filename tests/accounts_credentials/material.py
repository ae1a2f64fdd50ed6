"""Certificates, keys and secrets of every kind for the tests, made once a session. `canary` is in each hidden part."""

import datetime as dt
from functools import cache
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Pair(NamedTuple):
    """A certificate and its key, as PEM."""

    certificate: str
    key: str


@cache
def certificate(days: int = 365, host: str = "localhost") -> Pair:
    """A self-signed certificate that ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=400))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(made.public_bytes(serialization.Encoding.PEM).decode().strip(), pem.decode().strip())


def secrets() -> dict[str, dict[str, Any]]:
    """One whole secret of each kind."""
    return {
        "kubeconfig": {
            "server": "https://k8s.example.com",
            "certificate_authority": certificate().certificate,
            "token": "canary-1",
        },
        "s3": {
            "endpoint": "https://s3.example.com",
            "bucket": "wafers",
            "access_key_id": "a",
            "secret_access_key": "canary-2",
        },
        "git": {"url": "https://git.example.com/team/project.git", "token": "canary-3"},
        "database": {
            "engine": "postgresql",
            "host": "db.example.com",
            "port": 5432,
            "database": "mes",
            "username": "u",
            "password": "canary-4",
        },
        "registry": {"url": "https://registry.example.com", "username": "u", "password": "canary-5"},
        "webhook": {"url": "https://hooks.example.com/canary-6", "secret": "canary-6-canary-6"},
    }
