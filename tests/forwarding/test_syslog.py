"""A project's log goes to a syslog server over TCP and TLS, framed and formed as the RFCs say."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from accounts.audit.verify_export import COLUMNS, canonical, leaf_hash
from projects.actions.forwarding import add_forward, try_out
from projects.models import AuditForward
from tests.audit.conftest import seal
from tests.cast import Cast
from tests.forwarding.conftest import again, now, work, write
from tests.forwarding.receivers import SyslogReceiver


def certificate(folder: Path) -> tuple[str, Path]:
    """A certificate for 127.0.0.1 that is its own authority: as PEM, and in a file with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "syslog of the test")])
    begin = datetime.now(UTC) - timedelta(minutes=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(Encoding.PEM)
    file = folder / "pair.pem"
    file.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return pem.decode(), file


@pytest.fixture
def authority(tmp_path: Path) -> tuple[str, Path]:
    """The certificate that the TLS server of the test shows."""
    return certificate(tmp_path)


@pytest.fixture(params=["syslog-tcp", "syslog-tls"])
def server(request: pytest.FixtureRequest, authority: tuple[str, Path]) -> Iterator[SyslogReceiver]:
    """A syslog server, over both."""
    found = SyslogReceiver()
    if request.param == "syslog-tls":
        found.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        found.context.load_cert_chain(authority[1])
    found.start()
    yield found
    found.stop()


def target(cast: Cast, server: SyslogReceiver, pem: str, **options: str) -> AuditForward:
    """A target of acme's log at this server."""
    kind = "syslog-tls" if server.context else "syslog-tcp"
    with cast.inside("alice") as grant:
        made = add_forward(
            grant,
            name="log server",
            kind=kind,
            address=f"127.0.0.1:{server.port}",
            authority=pem if server.context else "",
            begin=options.get("begin", "beginning"),
        )
    seal()
    return made


def test_messages_are_framed_formed_and_checkable(
    committed_cast: Cast, server: SyslogReceiver, authority: tuple[str, Path]
) -> None:
    cast = committed_cast
    made = target(cast, server, authority[0])
    write(cast.acme.account_id, 250, reason='"]\\ 웨이퍼\n\t')
    sent = work()
    assert server.errors == []
    assert [message["data"]["index"] for message in server.messages] == list(range(sent))
    assert sent > 250
    for message in server.messages:
        row = message["data"]["row"]
        assert leaf_hash(canonical([row[name] for name in COLUMNS])).hex() == message["named"]["leaf"]
        assert message["named"]["id"] == row["id"]
        assert message["named"]["index"] == str(message["data"]["index"])
        assert message["named"]["log"] == str(cast.acme.account_id)
        assert (message["app"], message["msgid"]) == ("mlops-portal", row["action"][:32])
        assert message["time"] == row["at"]
        assert message["pri"] == ("110" if row["outcome"] == "ok" else "108")
    assert now(cast, made.pk).next_index == sent


def test_what_was_not_read_to_the_end_is_sent_again(
    committed_cast: Cast, server: SyslogReceiver, authority: tuple[str, Path]
) -> None:
    cast = committed_cast
    made = target(cast, server, authority[0])
    write(cast.acme.account_id, 150)
    for what in ("reset", "half", "hang"):
        server.plan.append(what)
        assert work() == 0, what
        row = now(cast, made.pk)
        assert row.next_index == 0, what
        assert "127.0.0.1" in row.problem
        again(cast)
    sent = work()
    assert sorted({message["data"]["index"] for message in server.messages}) == list(range(sent))
    assert now(cast, made.pk).next_index == sent


def test_a_server_that_is_away_for_a_while_gets_everything(
    committed_cast: Cast, server: SyslogReceiver, authority: tuple[str, Path]
) -> None:
    cast = committed_cast
    made = target(cast, server, authority[0])
    port = server.port
    server.stop()
    for _round in range(3):
        write(cast.acme.account_id, 5)
        work()
        again(cast)
    row = now(cast, made.pk)
    assert (row.next_index, row.failures) == (0, 3)
    assert f"does not answer on port {port}" in row.problem
    server.start(port)
    sent = work()
    assert [message["data"]["index"] for message in server.messages] == list(range(sent))
    assert sent >= 15


def test_a_certificate_that_nobody_vouches_for_gets_nothing(
    committed_cast: Cast, authority: tuple[str, Path], tmp_path: Path
) -> None:
    cast = committed_cast
    found = SyslogReceiver(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    assert found.context is not None
    found.context.load_cert_chain(authority[1])
    found.start()
    made = target(cast, found, "")
    assert work() == 0
    assert "No trusted connection" in now(cast, made.pk).problem
    assert found.messages == []
    with cast.inside("alice"):
        try_out(made)
    work()
    assert "No trusted connection" in now(cast, made.pk).test_problem
    found.stop()
