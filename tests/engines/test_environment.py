"""Settings come from the environment alone; what is wrong is named, and no value is shown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal.celery import app, broker_url, collected_schedule
from portal.environment import WrongEnvironment, parse_database_url, read_environment
from portal.locations import UnusableFolder, locate, make_private, remembered

CODE = Path(__file__).resolve().parents[2]
OUTSIDE = {
    "DATABASE_URL": "postgresql://portal_app:pw-app@db.invalid/portal?sslmode=require",
    "DATABASE_OWNER_URL": "postgresql://portal_owner:pw-owner@db.invalid/portal",
    "DATABASE_SYSTEM_URL": "postgresql://portal_system:pw-system@db.invalid/portal",
    "MLFLOW_DATABASE_URL": "postgresql://portal_mlflow:pw-mlflow@db.invalid/portal",
    "REDIS_URL": "rediss://:pw-redis@cache.invalid:6379/0",
}


@pytest.fixture(autouse=True)
def _only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PORTAL_", "DATABASE_", "MLFLOW_", "REDIS_")):
            monkeypatch.delenv(name)


def test_nothing_set_means_embedded_engines() -> None:
    environment = read_environment()
    assert environment.embedded_database
    assert environment.embedded_redis
    assert environment.home == Path.cwd() / ".portal"
    assert environment.port == 8000


def test_every_wrong_variable_is_named_at_once_and_no_value_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "PORTAL_PORT": "70000",
        "PORTAL_BIND": "everywhere",
        "PORTAL_BASE_URL": "ftp://portal.example.com",
        "PORTAL_SECRET_KEY": "too-short-5ecret",
        "PORTAL_ROOT_KEY": "not-a-root-5ecret",
        "DATABASE_URL": "mysql://root:5ecret@db/portal",
        "REDIS_URL": "amqp://guest:5ecret@mq",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(WrongEnvironment) as caught:
        read_environment()
    message = str(caught.value)
    for name in wrong:
        assert name in message
    assert "5ecret" not in message


@pytest.mark.parametrize(
    ("role", "variable"),
    [("app", "DATABASE_URL"), ("system", "DATABASE_SYSTEM_URL"), ("owner", "DATABASE_OWNER_URL")],
)
def test_a_process_needs_the_address_of_its_own_role_only(
    monkeypatch: pytest.MonkeyPatch, role: str, variable: str
) -> None:
    monkeypatch.setenv("PORTAL_DATABASE_ROLE", role)
    monkeypatch.setenv(variable, OUTSIDE[variable])
    assert read_environment().url_of(role) == OUTSIDE[variable]
    monkeypatch.delenv(variable)
    monkeypatch.setenv("MLFLOW_DATABASE_URL", OUTSIDE["MLFLOW_DATABASE_URL"])
    with pytest.raises(WrongEnvironment, match=variable):
        read_environment()


def test_production_behind_https_brings_its_own_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OUTSIDE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PORTAL_BASE_URL", "https://portal.example.com")
    with pytest.raises(WrongEnvironment, match="PORTAL_SECRET_KEY, PORTAL_ROOT_KEY, PORTAL_DEPLOYMENT_ID"):
        read_environment()


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("k" * 64 + "\n")
    monkeypatch.setenv("PORTAL_SECRET_KEY_FILE", str(key))
    environment = read_environment()
    assert environment.secret_key is not None
    assert environment.secret_key.get_secret_value() == "k" * 64
    assert "kkk" not in repr(environment)


def test_a_secret_from_two_places_or_from_nowhere_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PORTAL_SECRET_KEY_FILE", str(tmp_path / "absent"))
    with pytest.raises(WrongEnvironment, match="PORTAL_SECRET_KEY_FILE: cannot be read"):
        read_environment()
    monkeypatch.setenv("PORTAL_SECRET_KEY", "k" * 64)
    with pytest.raises(WrongEnvironment, match="keep one of the two"):
        read_environment()


def test_libpq_reads_database_addresses() -> None:
    parameters = parse_database_url("postgresql://me@/portal?host=/run/pg&port=5433&sslmode=disable")
    assert parameters == {
        "user": "me",
        "dbname": "portal",
        "host": "/run/pg",
        "port": "5433",
        "sslmode": "disable",
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("unix:///run/r.sock?db=2", "redis+socket:///run/r.sock?virtual_host=2"),
        ("unix:///run/r.sock", "redis+socket:///run/r.sock?virtual_host=0"),
        ("redis://:pw@cache:6379/1", "redis://:pw@cache:6379/1"),
    ],
)
def test_celery_gets_redis_in_its_own_dialect(given: str, expected: str) -> None:
    assert broker_url(given) == expected


def test_what_the_clock_sends_is_known_to_the_worker() -> None:
    app.loader.import_default_modules()
    schedule = collected_schedule()
    assert "canary" in schedule
    assert {entry["task"] for entry in schedule.values()} <= set(app.tasks)


def test_sockets_leave_a_home_whose_path_is_too_long(tmp_path: Path) -> None:
    near = Path("/srv/portal")
    assert locate(near).run == near / "run"
    far = locate(Path("/srv") / ("x" * 90))
    assert len(str(far.postgres_sockets / ".s.PGSQL.5432.lock")) < 104
    assert far.run != locate(Path("/srv") / ("y" * 90)).run


def test_a_strangers_folder_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(UnusableFolder):
        make_private(tmp_path / "link")
    made = make_private(tmp_path / "mine")
    assert made.stat().st_mode & 0o777 == 0o700


def test_what_is_remembered_stays_and_is_private(tmp_path: Path) -> None:
    place = tmp_path / "secrets" / "key"
    assert remembered(place, "first") == "first"
    assert remembered(place, "second") == "first"
    assert place.stat().st_mode & 0o777 == 0o600
    assert list(place.parent.iterdir()) == [place]


def test_processes_that_race_remember_the_same(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from portal.locations import remembered; "
        "print(remembered(Path(sys.argv[1]), sys.argv[2]))"
    )
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "s" / "key"), f"value-{n}"],
            cwd=CODE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(6)
    ]
    assert len({process.communicate()[0] for process in racing}) == 1
