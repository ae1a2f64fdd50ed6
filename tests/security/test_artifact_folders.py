"""Folders of a run, named by whoever asks: checked before MLflow sees them."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from accounts.errors import Invalid
from registry.mlflow import transport
from registry.mlflow.client import Mlflow

CLIMBING = ("..", "a/../../b", "/etc", "a//b", "%2e%2e/x", "..%2f..", "a\\..\\b", "file:/etc", "a\x00b", "?x")


@pytest.mark.parametrize("path", CLIMBING)
def test_no_folder_climbs(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def record(*_args: object, **_kwargs: object) -> None:
        sent.append(path)

    monkeypatch.setattr(transport, "call", record)
    mlflow = Mlflow(uuid4())
    looks: list[Callable[[], object]] = [
        lambda: mlflow.artifacts("0" * 32, path),
        lambda: mlflow.model_artifacts("m-" + "0" * 32, path),
    ]
    for look in looks:
        with pytest.raises(Invalid):
            look()
    assert sent == []
