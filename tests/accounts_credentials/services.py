"""Real servers on loopback that credentials lead to: S3 with STS, PostgreSQL, MariaDB, a container registry.

MariaDB and the registry come as Debian packages, downloaded once with apt and unpacked outside the checkout, without
root and without installing anything.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from portal.engines.account import engine_user
from portal.engines.binaries import postgres_programs
from portal.engines.processes import Program, spawn, stop

CACHE = Path(os.environ.get("XDG_CACHE_HOME", "/var/tmp")) / "mlops-portal-tests" / "debian"
PATIENCE = 30.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until our child listens."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}: {log.read_text(errors='replace')[-2000:]}")


@contextmanager
def running(
    name: str, command: tuple[str, ...], port: int, folder: Path, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A child process that ends with the block."""
    log = folder / f"{name}.log"
    become = options.pop("become", {})
    program = Program(name=name, command=command, become=become, **options)
    with open(log, "ab") as out:
        process = spawn(program, out)
    try:
        wait_for(port, process, log)
        yield process
    finally:
        stop(process, program)


def debian(*packages: str) -> Path:
    """Where these packages of Debian lie unpacked. Skips, loudly, where apt cannot fetch them."""
    target = CACHE / "_".join(sorted(packages))
    if target.is_dir():
        return target
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip(f"needs Debian's packages {', '.join(packages)}: there is no apt here")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    done = subprocess.run(
        ["apt-get", "-o", "APT::Sandbox::User=root", "download", *packages],
        cwd=draft, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        shutil.rmtree(draft)
        pytest.skip(f"apt could not fetch {', '.join(packages)}: {done.stderr.strip()[-200:]}")
    for archive in draft.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(archive), str(draft)], check=True)
    draft.chmod(0o755)
    try:
        draft.rename(target)
    except OSError:  # another session was faster
        shutil.rmtree(draft)
    return target


@dataclass(frozen=True)
class Storage:
    """S3 and STS that check signatures and policies; `admin` is a key pair that may do everything."""

    url: str
    admin: tuple[str, str]
    reader: tuple[str, str]
    role_arn: str
    client: Callable[..., Any]


@contextmanager
def storage(folder: Path) -> Iterator[Storage]:
    """moto's server with authorization switched on, a bucket, two users and a role to be assumed."""
    import boto3

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "PATH": os.environ["PATH"],
        # Nothing is checked until the users below are there; the server counts the calls that make them.
        "INITIAL_NO_AUTH_ACTION_COUNT": "9",
    }
    command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    with running("s3", command, port, folder, environment=environment):

        def client(service: str, pair: tuple[str, str], token: str | None = None) -> Any:
            return boto3.client(
                service,
                endpoint_url=url,
                region_name="us-east-1",
                aws_access_key_id=pair[0],
                aws_secret_access_key=pair[1],
                aws_session_token=token,
            )

        iam = client("iam", ("a", "b"))
        pairs = []
        for name, actions in (("admin", "*"), ("reader", "s3:ListBucket")):
            iam.create_user(UserName=name)
            statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=_policy(statement))
            key = iam.create_access_key(UserName=name)["AccessKey"]
            pairs.append((key["AccessKeyId"], key["SecretAccessKey"]))
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
        role = iam.create_role(RoleName="lent", AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
        iam.put_role_policy(RoleName="lent", PolicyName="own", PolicyDocument=_policy(allowed))
        client("s3", ("a", "b")).create_bucket(Bucket="wafers")
        yield Storage(url, pairs[0], pairs[1], role, client)


def _policy(statement: dict[str, Any]) -> str:
    import json

    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@contextmanager
def postgres(folder: Path) -> Iterator[int]:
    """The embedded PostgreSQL's programs with a server of its own on TCP, where a password is asked for."""
    user, port = engine_user(), free_port()
    programs, data = postgres_programs(user), folder / "postgres"
    data.mkdir(mode=0o700)
    user.own(data)
    password = folder / "password"
    password.write_text("s3cret pass\n")
    user.own(password)
    subprocess.run(
        [str(programs / "initdb"), "-D", str(data), "-U", "mes", "-A", "scram-sha-256",
         f"--pwfile={password}", "--locale-provider=builtin", "--locale=C.UTF-8", "-E", "UTF8"],
        env={"PATH": os.defpath, "LC_ALL": "C"}, cwd="/", check=True, capture_output=True, **user.spawn_arguments(),
    )  # fmt: skip
    command = (str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", "")
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    with running(
        "postgres", command, port, folder, environment=environment, become=user.spawn_arguments()
    ) as process:
        _until_ready(folder / "postgres.log", process)
        yield port


def _until_ready(log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while b"ready to accept connections" not in log.read_bytes():
        assert process.poll() is None
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@contextmanager
def mariadb(folder: Path, certificate: str, key: str) -> Iterator[int]:
    """Debian's MariaDB with a user, a database and a certificate."""
    root = debian("mariadb-server-core", "mariadb-server", "liburing2", "libaio1")
    user, port, data = engine_user(), free_port(), folder / "mariadb"
    data.mkdir(mode=0o700)
    pem = folder / "mariadb.pem"
    pem.write_text(f"{certificate}\n{key}\n")
    for path in (data, pem):
        user.own(path)
    environment = {"PATH": os.defpath, "LD_LIBRARY_PATH": str(root / "usr/lib/x86_64-linux-gnu")}
    common = (
        str(root / "usr/sbin/mariadbd"), "--no-defaults", f"--datadir={data}",
        f"--lc-messages-dir={root}/usr/share/mysql",
        f"--character-sets-dir={root}/usr/share/mysql/charsets", f"--plugin-dir={root}/usr/lib/mysql/plugin",
        "--innodb-buffer-pool-size=16M", f"--tmpdir={data}",
    )  # fmt: skip
    scripts = root / "usr/share/mysql"
    statements = "".join(
        (scripts / name).read_text()
        for name in (
            "mysql_system_tables.sql",
            "mysql_system_tables_data.sql",
            "mysql_performance_tables.sql",
        )
    )
    subprocess.run(
        [*common, "--bootstrap", "--log-warnings=0"],
        input=f"CREATE DATABASE mysql;\nUSE mysql;\n{statements}".encode(),
        env=environment, cwd="/", check=True, capture_output=True, **user.spawn_arguments(),
    )  # fmt: skip
    granted = (
        "FLUSH PRIVILEGES;\nCREATE DATABASE mes;\nCREATE USER mes@'%' IDENTIFIED BY 's3cret pass';\n"
        "GRANT SELECT ON mes.* TO mes@'%';\n"
    )
    subprocess.run(
        [*common, "--bootstrap", "--log-warnings=0"],
        input=granted.encode(), env=environment, cwd="/", check=True, capture_output=True, **user.spawn_arguments(),
    )  # fmt: skip
    command = (
        *common, "--bind-address=127.0.0.1", f"--port={port}", f"--socket={data}/s", "--skip-name-resolve",
        f"--ssl-cert={pem}", f"--ssl-key={pem}", f"--ssl-ca={pem}",
    )  # fmt: skip
    with running("mariadb", command, port, folder, environment=environment, become=user.spawn_arguments()):
        yield port


@contextmanager
def container_registry(folder: Path) -> Iterator[str]:
    """Debian's docker-registry (CNCF Distribution) behind basic authentication."""
    root, port = debian("docker-registry"), free_port()
    passwords = folder / "htpasswd"
    # bcrypt of "s3cret pass"
    passwords.write_text("puller:" + _bcrypt("s3cret pass") + "\n")
    settings = folder / "registry.yml"
    settings.write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder}/images\n"
        f"http:\n  addr: 127.0.0.1:{port}\nauth:\n  htpasswd:\n    realm: fab\n    path: {passwords}\n"
    )
    command = (str(root / "usr/bin/docker-registry"), "serve", str(settings))
    with running("registry", command, port, folder, environment={"PATH": os.defpath}):
        yield f"http://127.0.0.1:{port}"


def _bcrypt(password: str) -> str:
    """PostgreSQL brings no pgcrypto here and Python no bcrypt: the C library's `crypt` knows it."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import crypt

    return crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that other users may enter: engines run as one of their own."""
    import tempfile

    with ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="portal-services-", dir="/tmp")))
        path.chmod(0o755)
        yield path


__all__ = ["Storage", "container_registry", "folder", "free_port", "httpx", "mariadb", "postgres", "storage"]
