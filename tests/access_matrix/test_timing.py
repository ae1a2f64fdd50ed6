"""How long the answer takes tells nothing either: “not yours” takes as long as “does not exist”.

Both are asked in turns, so that whatever else slows the machine down slows both. The measure is the probability that
one of theirs took longer than one of nothing (the Mann-Whitney U statistic over n·m; 0.5 is no difference). A real
difference, a look-up that goes one step further, puts it near 1; chance with this many pairs stays within 0.2 of 0.5.
"""

import random
import time
from bisect import bisect_left, bisect_right
from statistics import median
from uuid import uuid4

import pytest
from django.test import Client

from accounts.tenancy import scope
from projects.models import Operation, Token
from registry.models import Dataset, Endpoint
from tests.access_matrix.calls import TRIED
from tests.cast import Cast
from tests.walls.world import MAKERS

PAIRS = 40
MOST = 0.3  # how far from 0.5
AND_AT_LEAST = 0.05  # of the median: a difference that nobody can measure over a network is none


def longer(one: list[float], other: list[float]) -> float:
    """The probability that a value of `one` is larger than one of `other`, ties counting half (Mann-Whitney)."""
    ranked = sorted(other)
    wins = sum((bisect_left(ranked, value) + bisect_right(ranked, value)) / 2 for value in one)
    return wins / (len(one) * len(other))


def test_the_measure_tells_a_difference_from_none() -> None:
    chance = random.Random(7)
    same = [chance.gauss(10, 1) for _index in range(2 * PAIRS)]
    assert abs(longer(same[:PAIRS], same[PAIRS:]) - 0.5) < 0.2
    assert longer([value + 2 for value in same[:PAIRS]], same[PAIRS:]) > 0.5 + MOST


def _times(client: Client, url: str, theirs: list[str]) -> tuple[list[float], ...]:
    chance, taken = random.Random(1), ([], [])
    for index in range(PAIRS + 5):
        turns = [0, 1]
        chance.shuffle(turns)
        for which in turns:
            name = chance.choice(theirs) if which == 0 else _like(theirs[0])
            started = time.perf_counter()
            status = client.get(url.format(name)).status_code
            took = time.perf_counter() - started
            assert status == 404
            if index >= 5:  # the first calls load what all later ones find loaded
                taken[which].append(took)
    return taken


def _like(example: str) -> str:
    return str(uuid4()) if example.count("-") == 4 else f"{example[:-6]}{uuid4().hex[:6]}"


def difference(client: Client, url: str, theirs: list[str]) -> str:
    """Say how the two differ, or nothing. A machine that is busy in one run may be quiet in the next."""
    found = ""
    for _attempt in range(2):
        of_theirs, of_nothing = _times(client, url, theirs)
        TRIED["timed pairs of “not yours” and “does not exist”"] += PAIRS
        share = longer(of_theirs, of_nothing)
        apart = abs(median(of_theirs) - median(of_nothing)) / median(of_nothing)
        if abs(share - 0.5) <= MOST or apart <= AND_AT_LEAST:
            return ""
        found = f"theirs is longer with probability {share:.2f}, medians {apart:.0%} apart"
    return found


@pytest.mark.parametrize(
    ("model", "field", "url"),
    [
        (Token, "pk", "/tokens/{}"),
        (Operation, "pk", "/operations/{}/log"),
        (Dataset, "name", "/datasets/{}"),
        (Endpoint, "name", "/endpoints/{}"),
    ],
)
def test_theirs_takes_as_long_as_nothing(cast: Cast, model: type, field: str, url: str) -> None:
    for make in MAKERS:
        make(cast, cast.globex)
    with scope(cast.globex.pk):
        theirs = [str(value) for value in model.objects.values_list(field, flat=True)]  # type: ignore[attr-defined]
    assert difference(cast.client("alice"), cast.url + url, theirs) == ""


def test_the_slug_of_another_project_takes_as_long_as_none(cast: Cast) -> None:
    assert difference(cast.client("alice"), "/api/v1/projects/{}", [cast.globex.slug]) == ""
