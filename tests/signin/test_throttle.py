"""Tries run out and come back; strangers shut nobody out; nobody learns who exists."""

import re
import statistics
import threading
import time
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts import throttle
from accounts.models import AuditEvent, Throttle
from accounts.tenancy import platform_scope
from accounts.throttle import Bucket, Throttled, Tier
from accounts.tries import DEVICE, NAME, NAME_AND_ADDRESS, network_of
from tests.cast import PASSWORD, Cast
from tests.engines.fixtures import Engines


def attempt(
    name: str, password: str = "wrong wrong wrong", ip: str = "192.0.2.1", client: Client | None = None
) -> Any:
    return (client or Client()).post("/sign-in/", {"username": name, "password": password}, REMOTE_ADDR=ip)


def denied() -> list[AuditEvent]:
    with platform_scope("auditor"):
        return list(AuditEvent.objects.filter(action="user.sign_in", outcome="denied").order_by("at"))


def test_tries_from_one_place_run_out_say_how_long_to_wait_and_stop_the_right_password_too(
    cast: Cast,
) -> None:
    codes = [attempt("alice").status_code for _ in range(NAME_AND_ADDRESS.burst)]
    assert codes == [401] * NAME_AND_ADDRESS.burst
    refused = attempt("alice", PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= NAME_AND_ADDRESS.seconds
    assert "Wait" in refused.content.decode()
    for _ in range(5):
        attempt("alice")
    assert len(denied()) == 1, "a flood of refusals is one record"
    assert denied()[0].detail == {"reason": "throttled", "tier": "name+address"}


def test_names_that_nobody_has_are_answered_in_the_same_way(cast: Cast) -> None:
    def answers(name: str) -> list[tuple[int, str]]:
        found = [attempt(name) for _ in range(NAME_AND_ADDRESS.burst + 1)]
        return [
            (answer.status_code, re.sub(r'value="[^"]*"|\d+ seconds', "", answer.content.decode()))
            for answer in found
        ]

    hidden = re.compile(r'csrf[^>]*>|nonce="[^"]*"|X-CSRFToken[^}]*}')
    known, unknown = answers("alice"), answers("nobody")
    assert [status for status, _text in known] == [status for status, _text in unknown]
    assert [hidden.sub("", text) for _s, text in known] == [hidden.sub("", text) for _s, text in unknown]


def test_an_unknown_name_takes_as_long_as_a_wrong_password(cast: Cast) -> None:
    """Medians of interleaved tries from fresh addresses; a difference that shows at 30 tries is a leak."""
    spent: dict[str, list[float]] = {"alice": [], "nobody": []}
    for number in range(NAME.burst - 2):
        for name, seconds in spent.items():
            started = time.thread_time()
            assert attempt(name, ip=f"198.51.100.{number}").status_code == 401
            seconds.append(time.thread_time() - started)
    known, unknown = (statistics.median(values[2:]) for values in spent.values())
    noise = statistics.stdev(spent["alice"][2:])
    assert abs(known - unknown) < max(0.15 * known, noise), (known, unknown, noise)


def test_a_stranger_shuts_nobody_out_of_their_own_device_or_address(cast: Cast) -> None:
    mine = Client()
    assert attempt("alice", PASSWORD, "203.0.113.7", mine).status_code == 302
    mine.post("/sign-out/")
    for number in range(NAME.burst + 3):
        attempt("alice", ip=f"192.0.2.{number}")
    assert attempt("alice", PASSWORD, "192.0.2.200").status_code == 429, (
        "from nowhere known, the name is slow"
    )
    assert attempt("alice", PASSWORD, "192.0.2.201", mine).status_code == 302, "my device, at a new address"
    assert attempt("alice", PASSWORD, "203.0.113.7").status_code == 302, "my address, on a new device"
    # Not even from my own address does a stranger's failure stop my device.
    for _ in range(NAME_AND_ADDRESS.burst + 2):
        attempt("alice", ip="203.0.113.7")
    mine.post("/sign-out/")
    assert attempt("alice", PASSWORD, "203.0.113.7", mine).status_code == 302


def test_a_known_device_has_an_end_of_tries_of_its_own(cast: Cast) -> None:
    mine = Client()
    assert attempt("alice", PASSWORD, client=mine).status_code == 302
    mine.post("/sign-out/")
    codes = [attempt("alice", client=mine).status_code for _ in range(DEVICE.burst + 1)]
    assert codes == [401] * DEVICE.burst + [429]


def test_somebody_elses_device_helps_nobody(cast: Cast) -> None:
    """Charlie's own cookie makes him known as charlie alone."""
    charlie = Client()
    assert attempt("charlie", PASSWORD, client=charlie).status_code == 302
    charlie.post("/sign-out/")
    codes = [attempt("alice", client=charlie).status_code for _ in range(NAME_AND_ADDRESS.burst + 1)]
    assert codes[-1] == 429
    forged = Client()
    forged.cookies[settings.DEVICE_COOKIE_NAME] = "x" * 43
    assert attempt("alice", PASSWORD, client=forged).status_code == 429


def test_tries_come_back_by_themselves(cast: Cast) -> None:
    bucket = Bucket(Tier("test", burst=2, seconds=1), ("x",))
    throttle.take([bucket])
    throttle.take([bucket])
    with pytest.raises(Throttled):
        throttle.take([bucket])
    time.sleep(1.05)
    throttle.take([bucket])
    throttle.give_back(bucket)
    throttle.take([bucket])
    with pytest.raises(Throttled):
        throttle.take([bucket])


def test_a_refused_attempt_takes_from_no_bucket(cast: Cast) -> None:
    full, empty = Bucket(Tier("a", 3, 60), ("x",)), Bucket(Tier("b", 1, 60), ("x",))
    throttle.take([empty])
    for _ in range(5):
        with pytest.raises(Throttled):
            throttle.take([full, empty])
    for _ in range(3):
        throttle.take([full])


def test_a_hundred_attempts_at_once_get_as_many_tries_as_one_after_the_other(committed_cast: Cast) -> None:
    bucket, passed = Bucket(Tier("race", 7, 600), ("x",)), []

    def race() -> None:
        try:
            for _ in range(10):
                try:
                    throttle.take([bucket])
                    passed.append(1)
                except Throttled:
                    continue
        finally:
            connection.close()

    threads = [threading.Thread(target=race) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 7


def test_flushing_redis_gives_nobody_a_try(cast: Cast, engines: Engines) -> None:
    import redis

    while attempt("alice").status_code == 401:
        continue
    redis.Redis.from_url(settings.REDIS_URL).flushall()
    assert attempt("alice", PASSWORD).status_code == 429


def test_the_table_does_not_say_whose_buckets_they_are(cast: Cast) -> None:
    attempt("my-secret-password-typed-as-a-name")
    assert Throttle.objects.exists()
    assert all(
        b"secret" not in bytes(row.key) and len(bytes(row.key)) == 32 for row in Throttle.objects.all()
    )


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
    ],
)
def test_a_household_is_one_address(ip: str, network: str) -> None:
    assert network_of(ip) == network


def test_proving_it_again_has_an_end_of_tries_too(cast: Cast) -> None:
    client = cast.client("alice", signed_in=3600)
    codes = [
        client.post("/sign-in/again/", {"password": "wrong wrong wrong"}).status_code
        for _ in range(NAME_AND_ADDRESS.burst + 1)
    ]
    assert codes == [401] * NAME_AND_ADDRESS.burst + [429]
