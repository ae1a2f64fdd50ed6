"""The root key in a transit engine: bound to its place, versioned, re-wrapped there, and clear when it says no."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from accounts.audit import Actor, acting_as
from accounts.crypto import SealError, keys, root_keys
from accounts.crypto.transit import TransitRefused, TransitRootKey, TransitSettings, transit_key
from accounts.errors import Unavailable
from accounts.models import AccountKey, Credential, KeyRotation
from accounts.rotation import adopt_roots, advance, begin, check_root_keys
from accounts.rotation.status import root_status
from accounts.tenancy import scope
from tests.cast import Cast
from tests.crypto.transit_server import Key, TransitServer, transit_server
from tests.engines.fixtures import become

SECRET = bytes(range(32))


@pytest.fixture
def engine() -> Iterator[TransitServer]:
    with transit_server() as server:
        server.keys = {"portal": Key(), "plain": Key(derived=False)}
        yield server
    transit_key.cache_clear()


def keeper(engine: TransitServer, **changed: Any) -> TransitRootKey:
    wanted = {"url": engine.url, "key": "portal", "token": SecretStr("s.right"), "timeout_seconds": 2.0}
    return TransitRootKey(TransitSettings(**(wanted | changed)))


@pytest.mark.parametrize("name", ["portal", "plain"])
def test_what_the_engine_wraps_opens_at_its_place_alone(engine: TransitServer, name: str) -> None:
    root = keeper(engine, key=name)
    wrapped = root.wrap(SECRET, b"here")
    assert wrapped.startswith(b"vault:v1:")
    assert SECRET not in base64.b64decode(wrapped.split(b":")[2])
    assert root.unwrap(wrapped, b"here") == SECRET
    for wrong, context in (
        (wrapped, b"there"),
        (wrapped[:-6] + b"AAAA==", b"here"),
        (wrapped.replace(b"v1", b"v2"), b"here"),
        (b"vault:v1:\xff", b"here"),
    ):
        with pytest.raises(SealError):
            root.unwrap(wrong, context)


@pytest.mark.parametrize(("name", "verb"), [("portal", "rewrap"), ("plain", "encrypt")])
def test_a_new_version_of_the_engines_key_takes_over(engine: TransitServer, name: str, verb: str) -> None:
    root = keeper(engine, key=name)
    wrapped = root.wrap(SECRET, b"here")
    engine.keys[name].versions.append(bytes(range(1, 33)))
    root.describe(afresh=True)
    assert root.id == f"transit:transit/{name}#2"
    moved = root.rewrap(wrapped, b"here")
    assert f"POST /v1/transit/{verb}/{name}" in engine.requests
    engine.keys[name].min_decryption_version = 2
    assert root.unwrap(moved, b"here") == SECRET
    with pytest.raises(SealError):
        root.unwrap(wrapped, b"here")


def test_the_token_may_be_kept_fresh_in_a_file(engine: TransitServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s.right\n")
    root = keeper(engine, token=None, token_file=file)
    wrapped = root.wrap(SECRET, b"here")
    engine.tokens = {"s.renewed"}
    with pytest.raises(TransitRefused):
        root.unwrap(wrapped, b"here")
    file.write_text("s.renewed\n")
    assert root.unwrap(wrapped, b"here") == SECRET


def test_a_namespace_goes_along(engine: TransitServer) -> None:
    engine.namespace = "fab"
    with pytest.raises(TransitRefused):
        keeper(engine).wrap(SECRET, b"here")
    assert keeper(engine, namespace="fab").wrap(SECRET, b"here")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"token": SecretStr("s.wrong")}, "refuses the token for GET keys/portal"),
        ({"key": "absent"}, "has no keys/absent at the mount transit"),
        ({"mount": "elsewhere"}, "has no keys/portal at the mount elsewhere"),
        ({"key": "signing"}, "not one that encrypts"),
        ({"token": None, "token_file": Path("/nonexistent")}, "token file cannot be read"),
    ],
)
def test_what_is_wrong_is_said_to_the_operator_and_no_secret_with_it(
    engine: TransitServer, changed: dict[str, Any], reason: str
) -> None:
    engine.keys["signing"] = Key(kind="ecdsa-p256")
    with pytest.raises(TransitRefused) as caught:
        keeper(engine, **changed).wrap(SECRET, b"here")
    assert reason in caught.value.reason
    assert "s.wrong" not in f"{caught.value} {caught.value.reason}"
    assert (caught.value.status, caught.value.code) == (503, "crypto.root_refused")


def test_an_engine_that_is_away_is_not_now_rather_than_never(engine: TransitServer) -> None:
    root = keeper(engine)
    wrapped = root.wrap(SECRET, b"here")
    engine.sealed = True
    with pytest.raises(Unavailable) as caught:
        root.unwrap(wrapped, b"here")
    assert (caught.value.code, caught.value.data["retry_after"]) == ("crypto.root_unavailable", 5)
    with pytest.raises(Unavailable):
        keeper(engine, url="http://127.0.0.1:1").wrap(SECRET, b"here")


@pytest.fixture
def acme(committed_cast: Cast) -> Iterator[UUID]:
    keys.cache.clear()
    with become("system"), acting_as(Actor("user", "7", "root"), via="test"):
        yield committed_cast.acme.pk
    keys.cache.clear()


def test_a_portal_moves_into_the_engine_and_lives_there(
    acme: UUID, engine: TransitServer, settings: Any
) -> None:
    """A credential sealed under a root key of our own, through the move, a new version, an outage, a wrong engine."""
    with scope(acme):
        Credential(name="lake", kind="s3", created_by_label="a", secret=b"s3cr3t").save(force_insert=True)
    adopt_roots()
    settings.ROOT_KEY_PROVIDER = "transit"
    settings.TRANSIT = {
        "url": engine.url,
        "key": "portal",
        "token": SecretStr("s.right"),
        "timeout_seconds": 2.0,
    }
    keys.cache.clear()
    begin(KeyRotation.Kind.ROOT, reason="into the engine")
    rotation = advance()
    assert rotation is not None
    assert rotation.state == "succeeded"
    settings.ROOT_KEY = None
    keys.cache.clear()
    assert check_root_keys() is None
    with scope(acme):
        assert bytes(AccountKey.objects.get().wrapped).startswith(b"vault:v1:")
        assert Credential.objects.get().secret.reveal() == b"s3cr3t"
    assert root_status().provider == "transit"

    engine.keys["portal"].versions.append(bytes(range(1, 33)))
    root_keys().current.describe(afresh=True)  # type: ignore[attr-defined]
    assert (root_status().generation, root_status().behind) == ("2", 3)
    begin(KeyRotation.Kind.ROOT, reason="the engine's key has a new version")
    advance()
    assert root_status().behind == 0
    engine.keys["portal"].min_decryption_version = 2
    keys.cache.clear()
    with scope(acme):
        assert bytes(AccountKey.objects.get().wrapped).startswith(b"vault:v2:")
        assert Credential.objects.get().secret.reveal() == b"s3cr3t"

    engine.sealed = True
    keys.cache.clear()
    transit_key.cache_clear()
    assert "does not answer" in str(check_root_keys())
    with scope(acme), pytest.raises(Unavailable):
        Credential.objects.get().secret.reveal()
    engine.sealed = False
    engine.keys["portal"] = Key(versions=[bytes(32), bytes(32)])
    assert "The root key is wrong" in str(check_root_keys())
    engine.tokens = set()
    transit_key.cache_clear()
    assert "refuses the token" in str(check_root_keys())
