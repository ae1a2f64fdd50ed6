"""Sentences that were stored in one language, read in another."""

from itertools import permutations

import pytest
from django.utils.translation import override

from projects import retold as module
from projects.retold import retold

ENGLISH = "Given up after 3 failed attempts. The last one: The receiver answered 503."
KOREAN = "3번 실패하여 중단했습니다. 마지막 원인: 받는 쪽이 503(으)로 답했습니다."


def test_a_sentence_and_the_one_in_it_are_told_in_either_language() -> None:
    with override("ko"):
        assert retold(ENGLISH) == KOREAN
        assert retold(KOREAN) == KOREAN
    with override("en"):
        assert retold(KOREAN) == ENGLISH
        assert retold(ENGLISH) == ENGLISH


@pytest.mark.parametrize(
    "text", ["", "ModuleNotFoundError: no module “yield”", "x" * 5000, "100% of 5 %(name)s"]
)
def test_what_no_message_made_stays_as_it_is(text: str) -> None:
    with override("ko"):
        assert retold(text) == text


def test_every_message_is_recognised_in_every_language() -> None:
    """Values of no language go in, and come out in the other one: in a message that may mean the same sentence."""
    meant: dict[tuple[str, str], set[str]] = {}
    for told in module._catalogue():
        values = {
            hole["name"]: f"⟦{hole['name']}⟧" for hole in module._HOLE.finditer(told["en"]) if hole["name"]
        }
        for written, read in permutations(told, 2):
            sentence = fill(told[written], values)
            if len(sentence) >= 40:  # what is stored is a sentence; labels are shorter
                meant.setdefault((sentence, read), set()).add(fill(told[read], values))
    assert len(meant) > 1000
    for (sentence, read), tellings in meant.items():
        with override(read):
            assert retold(sentence) in tellings


def fill(text: str, values: dict[str, str]) -> str:
    return module._HOLE.sub(lambda hole: values.get(hole["name"] or "", "%"), text) if values else text
