"""Records as pages tell them: in words, without what Python calls its values."""

import pytest
from django.utils import translation

from accounts.models import AuditEvent
from projects.audit_history import facts_of
from projects.audit_words import (
    LEVELS,
    changes_in_words,
    facts_in_words,
    kind_in_words,
    value_in_words,
)
from registry.models import Dataset


def test_levels_are_called_as_datasets_call_them() -> None:
    assert {level: str(word) for level, word in LEVELS.items()} == {
        level: str(word) for level, word in Dataset.Sensitivity.choices
    }


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("repair", True, "예"),
        ("bearer", "robot", "로봇"),
        ("secret", "replaced", "바뀜"),
        ("sensitivity", "restricted", "제한"),
        ("role", "scientist", "사이언티스트"),
        ("user", "owner", "owner"),
        ("role", "labeller", "labeller"),
        ("until", "2026-11-23T21:25:17.620368+00:00", "2026-11-23 21:25"),
        ("addresses", ["10.1.0.0/16", "10.2.0.0/16"], "10.1.0.0/16, 10.2.0.0/16"),
        ("filters", {"period": "7d", "outcome": "denied"}, "기간: 7d, 결과: 거부됨"),
        ("days", 30, "30"),
        ("note", None, "—"),
    ],
)
def test_values(name: str, value: object, told: str) -> None:
    with translation.override("ko"):
        assert value_in_words(value, name) == told


def test_facts_leave_out_what_says_nothing() -> None:
    facts = {
        "to": "sam",
        "days": None,
        "until": "",
        "scopes": [],
        "filters": {"person": ""},
        "grant": "01a20526-522d-7322-becf-0dd9522e7f74",
        "reason": "Lot 7",
        "live": False,
        "terms": {"quota": {"cpu": None}, "days": 30},
    }
    with translation.override("ko"):
        assert facts_in_words(facts) == {
            "받는 사람": "sam",
            "사유": "Lot 7",
            "실시간": "아니요",
            "조건": "일수: 30",
        }


def test_facts_of_one_name_are_all_told() -> None:
    assert facts_in_words({"user": "sam", "person": "mia"}) == {"Person": "sam", "person": "mia"}


def test_changes_and_kinds() -> None:
    event = AuditEvent(action="dataset.sensitivity", detail={"from": "internal", "to": "public"})
    with translation.override("ko"):
        (change,) = changes_in_words(event)
        assert (change.before, change.after) == ("내부", "공개")
        assert kind_in_words("datasetversion") == "데이터셋 버전"
    assert kind_in_words("something.new") == "something.new"


def test_days_that_were_read_are_a_period_and_no_change() -> None:
    detail = {"report": "access", "from": "2026-10-23", "to": "2026-11-22"}
    event = AuditEvent(action="report.read", detail=detail)
    assert changes_in_words(event) == []
    with translation.override("ko"):
        assert facts_in_words(facts_of(event)) == {"기간": "2026-10-23 – 2026-11-22", "보고서": "접근 보고서"}
