"""Each kind is tried out against a real server of its own: what works, and each way in which it does not."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from accounts.credentials import how_to_test, parse_secret, read_secret
from accounts.errors import PortalError
from tests.accounts_credentials import services
from tests.accounts_credentials.material import certificate
from tests.accounts_credentials.services import Storage, folder
from tests.git.server import git, serving

__all__ = ["folder"]


@pytest.fixture(autouse=True)
def here_is_allowed(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8", "::1", "10.77.0.0/16"]


def trying(kind: str, **parts: Any) -> str:
    """`ok: …` or the code of what failed; no password is in either."""
    code, said = "ok: ", ""
    try:
        said = how_to_test(kind)(read_secret(kind, parse_secret(kind, parts))).sentence
    except PortalError as error:
        code, said = error.code, f"{error} {error.data}"
    assert "s3cret" not in said
    return f"ok: {said}" if code == "ok: " else code


@pytest.fixture(scope="module")
def storage(folder: Path) -> Iterator[Storage]:
    with services.storage(folder) as running:
        yield running


def test_s3(storage: Storage) -> None:
    own = {"endpoint": storage.url, "bucket": "wafers"}
    key, secret = storage.reader
    assert trying("s3", **own, access_key_id=key, secret_access_key=secret).startswith("ok: ")
    wrong = {
        "s3.signaturedoesnotmatch": {**own, "access_key_id": key, "secret_access_key": "s3cret"},
        "s3.invalidaccesskeyid": {**own, "access_key_id": "AKIAUNKNOWN", "secret_access_key": "s3cret"},
        "s3.nosuchbucket": {**own, "bucket": "none", "access_key_id": key, "secret_access_key": secret},
    }
    assert {code: trying("s3", **parts) for code, parts in wrong.items()} == {code: code for code in wrong}


def test_postgresql(folder: Path) -> None:
    with services.postgres(folder) as port:
        own = {"engine": "postgresql", "host": "localhost", "port": port, "username": "mes", "tls": "off"}
        good = {**own, "database": "postgres", "password": "s3cret pass"}
        assert "PostgreSQL 18" in trying("database", **good)
        assert trying("database", **{**good, "password": "s3cret"}) == "database.sign_in"
        assert trying("database", **{**good, "database": "none"}) == "database.unknown"
        assert trying("database", **{**good, "tls": "require"}) == "connect.tls"
        assert trying("database", **{**good, "port": services.free_port()}) == "connect.unreachable"


def test_mysql(folder: Path) -> None:
    pair = certificate()
    with services.mariadb(folder, pair.certificate, pair.key) as port:
        own = {"engine": "mysql", "host": "localhost", "port": port, "username": "mes"}
        good = {
            **own,
            "database": "mes",
            "password": "s3cret pass",
            "certificate_authority": pair.certificate,
        }
        assert "MariaDB" in trying("database", **good)
        assert trying("database", **{**good, "certificate_authority": certificate(days=9).certificate}) == (
            "connect.tls"
        )
        loose = {**good, "tls": "require"}
        assert trying("database", **loose).startswith("ok: ")
        assert trying("database", **{**loose, "password": "s3cret"}) == "database.sign_in"
        assert trying("database", **{**loose, "database": "none"}) == "database.unknown"
        assert trying("database", **{**loose, "tls": "off"}).startswith("ok: ")


def test_git(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "project.git")
    (tmp_path / "project.git" / "a").write_text("a")
    git(tmp_path / "project.git", "add", "a")
    git(tmp_path / "project.git", "commit", "-qm", "a")
    with serving(tmp_path) as (url, _seen):
        assert trying("git", url=f"{url}/project.git", token="s3cret").startswith("ok: ")
        assert trying("git", url=f"{url}/private/project.git", token="s3cret") == "git.sign_in"
        assert trying("git", url=f"{url}/none.git", token="s3cret") == "git.repository_unknown"
        assert trying("git", url=f"{url}/moved/project.git", token="s3cret") == "git.protocol"


def test_container_registry(folder: Path) -> None:
    with services.container_registry(folder) as url:
        own = {"url": url, "username": "puller"}
        assert trying("registry", **own, password="s3cret pass").startswith("ok: ")
        assert trying("registry", **own, password="s3cret") == "registry.sign_in"
    assert trying("registry", **own, password="s3cret") == "connect.unreachable"


@contextmanager
def answering(
    handle: Callable[[BaseHTTPRequestHandler, bytes], None], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """A receiver of our own, for what is plain HTTP."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

        def do_POST(self) -> None:
            handle(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        do_GET = do_POST

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(request: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def test_a_webhooks_receiver_can_check_the_signature() -> None:
    key = "s3cret-s3cret-s3cret"

    def receive(request: BaseHTTPRequestHandler, body: bytes) -> None:
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(key.encode(), signed, hashlib.sha256).digest()).decode()
        reply(request, 204 if request.headers["webhook-signature"] == f"v1,{expected}" else 403)

    with answering(receive) as url:
        assert trying("webhook", url=f"{url}/in?code=s3cret", secret=key).startswith("ok: ")
        assert trying("webhook", url=url, secret=key[::-1]) == "connect.status"


def test_a_registrys_token_service_is_asked(folder: Path) -> None:
    """CNCF Distribution's token authentication: the challenge names a realm, which gives a token for a password."""
    good = base64.b64encode(b"puller:s3cret pass").decode()

    def registry(request: BaseHTTPRequestHandler, body: bytes) -> None:
        given = request.headers.get("Authorization", "")
        realm = f"http://{request.headers['Host']}/token"
        if request.path.startswith("/token?service=fab"):
            reply(request, 200 if given == f"Basic {good}" else 401, json.dumps({"token": "t0ken"}).encode())
        elif given == "Bearer t0ken":
            reply(request, 200)
        else:
            reply(request, 401, WWW_Authenticate=f'Bearer realm="{realm}",service="fab"')

    with answering(registry) as url:
        assert trying("registry", url=url, username="puller", password="s3cret pass").startswith("ok: ")
        assert trying("registry", url=url, username="puller", password="s3cret") == "registry.sign_in"


def kubernetes(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """What the API server says on the two paths that are asked; a real one is asked below."""
    if request.headers.get("Authorization") != "Bearer s3cret":
        reply(request, 401)
    elif request.path == "/version":
        reply(request, 200, b'{"gitVersion": "v1.30.1"}')
    else:
        spec = json.loads(body)["spec"]["resourceAttributes"]
        reply(request, 201, json.dumps({"status": {"allowed": spec["namespace"] == "team"}}).encode())


def test_a_certificate_is_checked_against_the_authority_given(folder: Path) -> None:
    pair, other = certificate(), certificate(days=9)
    pem = folder / "kubernetes.pem"
    pem.write_text(f"{pair.certificate}\n{pair.key}\n")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    with answering(kubernetes, tls) as url:
        own = {"server": url, "certificate_authority": pair.certificate, "token": "s3cret"}
        assert "v1.30.1" in trying("kubeconfig", **own, namespace="team")
        assert trying("kubeconfig", **own, namespace="other") == "kubernetes.permission"
        assert trying("kubeconfig", **{**own, "token": "s3cret2"}) == "kubernetes.sign_in"
        assert trying("kubeconfig", **{**own, "certificate_authority": other.certificate}) == "connect.tls"
        elsewhere = url.replace("localhost", "127.0.0.1")
        assert trying("kubeconfig", **{**own, "server": elsewhere}) == "connect.tls"


CLUSTER = os.environ.get("PORTAL_TEST_KUBECONFIG", "")
if CLUSTER:
    # A cluster that the person who runs the tests has named; without one the stand-in above is what there is.

    def test_a_real_kubernetes() -> None:
        assert shutil.which("kubectl")
        path = Path(CLUSTER)
        sentence = trying("kubeconfig", kubeconfig=path.read_text())
        assert sentence.startswith("ok: Kubernetes v1."), sentence
        parts = json.loads(parse_secret("kubeconfig", {"kubeconfig": path.read_text()}))
        made = subprocess.run(
            ["kubectl", "--kubeconfig", str(path), "-n", "kube-system", "get", "secrets", "-o", "json"],
            capture_output=True, check=True,
        )  # fmt: skip
        found = [item for item in json.loads(made.stdout)["items"] if "token" in item.get("data", {})]
        weak = base64.b64decode(found[0]["data"]["token"]).decode()
        own = {"server": parts["server"], "certificate_authority": parts["certificate_authority"]}
        assert trying("kubeconfig", **own, token=weak, namespace="default") == "kubernetes.permission"
        assert trying("kubeconfig", **own, token="s3cret") == "kubernetes.sign_in"


# The guard.


@pytest.mark.parametrize("kind", ["s3", "git", "registry", "webhook", "database", "kubeconfig"])
def test_no_kind_reaches_the_portals_neighbours(kind: str, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = []
    seen: list[str] = []

    def note(request: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append(request.path)
        reply(request, 200)

    with answering(note) as url:
        https = url.replace("http://", "https://")
        port = int(url.rpartition(":")[2])
        parts: dict[str, dict[str, Any]] = {
            "s3": {"endpoint": https, "bucket": "wafers", "access_key_id": "a", "secret_access_key": "s3cret"},
            "git": {"url": https, "token": "s3cret"},
            "registry": {"url": https, "username": "u", "password": "s3cret"},
            "webhook": {"url": https, "secret": "s3cret-s3cret-s3cret"},
            "database": {"engine": "mysql", "host": "127.0.0.1", "port": port, "database": "d",
                         "username": "u", "password": "s3cret"},
            "kubeconfig": {"server": https, "certificate_authority": certificate().certificate, "token": "s3cret"},
        }  # fmt: skip
        assert trying(kind, **parts[kind]) == "outbound.refused"
    assert not seen


def test_a_name_that_leads_elsewhere_a_moment_later_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first resolution counts: the connection asks no resolver again."""
    import socket

    real, asked = socket.getaddrinfo, []

    def once(host: Any, *args: Any, **options: Any) -> Any:
        asked.append(host)
        if host == "rebinding.test":
            if asked.count(host) > 1:
                raise AssertionError("resolved a second time")
            return real("127.0.0.1", *args, **options)
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", once)

    def receive(request: BaseHTTPRequestHandler, body: bytes) -> None:
        reply(request, 200 if request.headers["Host"].startswith("rebinding.test:") else 400)

    with answering(receive) as url:
        named = url.replace("localhost", "rebinding.test")
        assert trying("webhook", url=named, secret="s3cret-s3cret-s3cret").startswith("ok: ")


def test_who_answers_a_byte_at_a_time_is_cut_off() -> None:
    import time

    from accounts.connector import fetch

    def drip(request: BaseHTTPRequestHandler, body: bytes) -> None:
        for _index in range(100):
            try:
                request.wfile.write(b"H")
            except OSError:
                return
            time.sleep(0.1)

    with answering(drip) as url:
        started = time.monotonic()
        with pytest.raises(PortalError) as refused:
            fetch("GET", url, seconds=0.5)
        assert time.monotonic() - started < 2
    assert refused.value.code in ("connect.unreachable", "connect.protocol")


def test_an_endless_answer_is_cut_off() -> None:
    from accounts.connector import LIMIT, fetch

    def endless(request: BaseHTTPRequestHandler, body: bytes) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                request.wfile.write(b"x" * 65536)
        except OSError:
            return

    with answering(endless) as url:
        assert len(fetch("GET", url).body) == LIMIT
