"""A real OpenLDAP server, unprivileged, on free ports, with a certificate authority of its own.

Where the machine has no `slapd`, Debian's packages are unpacked into a cache outside the checkout; nothing is
installed.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import ldap3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BASE = "dc=fab,dc=example"
ROOT, ROOT_PASSWORD = f"cn=root,{BASE}", "root-of-the-tests"
SERVICE, SERVICE_PASSWORD = f"cn=portal,{BASE}", "service-of-the-tests"
PACKAGES = ("slapd", "libltdl7", "libwrap0", "libodbc2")
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-portal-tests" / "slapd"


@dataclass(frozen=True)
class Directory:
    """The running server."""

    plain: str
    tls: str
    ca_file: Path
    other_ca_file: Path

    def connect(self) -> ldap3.Connection:
        """Come in as who may do everything."""
        return ldap3.Connection(ldap3.Server(self.plain), ROOT, ROOT_PASSWORD, auto_bind=True)


def program() -> tuple[str, Path, dict[str, str]]:
    """Where slapd is, the folder that its modules and schemas are under, and variables that it needs. Skips, or fails
    where PORTAL_TEST_STRICT=1, where there is none and none can be had.
    """
    found = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
    if found and Path("/usr/lib/ldap").is_dir():
        return found, Path("/"), {}
    unpacked = _CACHE / "usr" / "sbin" / "slapd"
    if not unpacked.exists() and shutil.which("apt-get") and shutil.which("dpkg"):
        with tempfile.TemporaryDirectory(prefix="slapd-", dir="/tmp") as folder:
            subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, capture_output=True, check=False)
            _CACHE.mkdir(parents=True, exist_ok=True)
            for package in Path(folder).glob("*.deb"):
                subprocess.run(["dpkg", "-x", str(package), str(_CACHE)], check=True)
    if unpacked.exists():
        libraries = next((_CACHE / "usr" / "lib").glob("*-linux-gnu"))
        return str(unpacked), _CACHE, {"LD_LIBRARY_PATH": str(libraries)}
    message = "OpenLDAP's server is missing: apt-get install slapd"
    if os.environ.get("PORTAL_TEST_STRICT") == "1":
        pytest.fail(message)
    pytest.skip(message)


def _authority(name: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    return key, _certificate(
        name, key, key, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), ca=True
    )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    *,
    ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _write_certificates(folder: Path) -> tuple[Path, Path]:
    authority_key, authority = _authority("authority")
    key = ec.generate_private_key(ec.SECP256R1())
    own = _certificate("localhost", key, authority_key, authority.subject, ca=False)
    (folder / "server.pem").write_bytes(own.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    for name, certificate in (("ca.pem", authority), ("other.pem", _authority("stranger")[1])):
        (folder / name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return folder / "ca.pem", folder / "other.pem"


def _configuration(folder: Path, root: Path) -> str:
    etc, modules = root / "etc" / "ldap", root / "usr" / "lib" / "ldap"
    return f"""
include {etc}/schema/core.schema
include {etc}/schema/cosine.schema
include {etc}/schema/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
database mdb
suffix "{BASE}"
rootdn "{ROOT}"
rootpw {ROOT_PASSWORD}
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{SERVICE}" read by * none
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running() -> Iterator[Directory]:
    """Start a server, fill it with a few people, end it by its pid."""
    executable, root, variables = program()
    folder = Path(tempfile.mkdtemp(prefix="portal-slapd-", dir="/tmp"))
    try:
        (folder / "data").mkdir()
        ca, other = _write_certificates(folder)
        (folder / "slapd.conf").write_text(_configuration(folder, root))
        user: dict[str, str | int] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            for path in (folder, *folder.rglob("*")):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
            folder.chmod(0o755)
            if root != Path("/"):
                # A cache below root's home cannot be entered by another user.
                shutil.copytree(root, folder / "program", symlinks=True)
                executable = str(folder / "program" / "usr" / "sbin" / "slapd")
                variables = {"LD_LIBRARY_PATH": str(next((folder / "program/usr/lib").glob("*-linux-gnu")))}
                (folder / "slapd.conf").write_text(_configuration(folder, folder / "program"))
            user = {"user": nobody.pw_uid, "group": nobody.pw_gid}
        plain, tls = f"ldap://localhost:{_free_port()}", f"ldaps://localhost:{_free_port()}"
        process = subprocess.Popen(
            [executable, "-f", str(folder / "slapd.conf"), "-h", f"{plain}/ {tls}/", "-d", "0"],
            env={"PATH": "/usr/bin:/bin", **variables},
            cwd="/",
            stdout=(folder / "log").open("wb"),
            stderr=subprocess.STDOUT,
            **user,  # type: ignore[call-overload]
        )
        try:
            directory = Directory(plain, tls, ca, other)
            _wait(directory, process, folder / "log")
            _fill(directory)
            yield directory
        finally:
            process.terminate()
            process.wait(10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(directory: Directory, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            directory.connect().unbind()
            return
        except ldap3.core.exceptions.LDAPException:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)


def _fill(directory: Directory) -> None:
    connection = directory.connect()
    people = f"ou=people,{BASE}"
    entries: list[tuple[str, list[str], dict[str, object]]] = [
        (BASE, ["dcObject", "organization"], {"dc": "fab", "o": "Fab"}),
        (people, ["organizationalUnit"], {"ou": "people"}),
        (SERVICE, ["organizationalRole", "simpleSecurityObject"], {"userPassword": SERVICE_PASSWORD}),
    ]
    for name, shown in (("erin", "Erin Oh"), ("frank", "Frank *)(uid=*"), ("alice", "Another Alice")):
        attributes = {
            "sn": "x",
            "cn": shown,
            "mail": f"{name}@fab.example",
            "userPassword": f"{name} of the fab",
        }
        entries.append((f"uid={name},{people}", ["inetOrgPerson"], attributes))
    entries.append((f"cn=etch,{BASE}", ["groupOfNames"], {"member": [f"uid=erin,{people}"]}))
    entries.append((f"cn=ml-admins,{BASE}", ["groupOfNames"], {"member": [f"uid=frank,{people}"]}))
    for dn, classes, given in entries:
        assert connection.add(dn, classes, given), (dn, connection.result)
    connection.unbind()
