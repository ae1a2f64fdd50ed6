"""Cursors of pages that MLflow keeps: its own are passed on, others refused before they reach it."""

import base64

import pytest

from accounts.errors import Invalid
from registry.mlflow.session import page_token


def token(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_page_of_mlflow_s_is_passed_on() -> None:
    from mlflow.utils.search_utils import SearchUtils

    made = SearchUtils.create_page_token(100).decode()
    assert page_token(made) == made
    assert page_token("") is None


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "³…",
        "=",
        token("[]"),
        token("7"),
        token("{}"),
        token('{"offset": -1}'),
        token('{"offset": 1e400}'),
        token('{"offset": "1"}'),
        token('{"offset": 99999999999999999999}'),
        token("{"),
        "\x00",
        "a" * 4000,
    ],
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        page_token(text)
    assert refused.value.data["errors"]["cursor"]
