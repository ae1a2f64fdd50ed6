"""Everything that the product can record has words: each action, and each name in a detail."""

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import get_resolver
from django.utils import translation

from accounts.models import PlatformRole
from accounts.models.key import KeyRotation
from projects import audit_actions, audit_names
from projects.audit_actions import ACTIONS, action_in_words, actions_called
from projects.audit_log import FILTERS
from projects.audit_words import KINDS
from projects.doors.api import PlatformViewSet
from projects.doors.asgi import ProjectApp
from projects.doors.pages import PlatformView, ProjectView
from projects.models import State
from projects.operations.registry import kinds
from projects.permissions import Permission
from registry.mlflow.records import action_of, thing_of
from registry.mlflow.routes import Match, every_route
from tests.audit_pages.recorded import Told, constants, names, recordings, texts


def _below(kind: type) -> Iterator[Any]:
    get_resolver().url_patterns  # noqa: B018  # every view is imported by the addresses
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def _ended(begun: frozenset[str], *ends: str) -> frozenset[str]:
    return frozenset(f"{one}.{end}" for one in begun for end in ends)


# Doors name a record after the permission that was asked for, where the action has recorded nothing itself.
PERMISSIONS = frozenset(map(str, Permission))
ENDS = (State.SUCCEEDED, State.FAILED, State.CANCELLED)
GATEWAY = frozenset(action_of(Match(route, {})) for route in every_route().values())
PLATFORM = frozenset(f"platform.{name}" for view in _below(PlatformViewSet) for name in view.roles) | {
    f"platform.{role}" for role in (PlatformRole.ADMIN, PlatformRole.AUDITOR)
}
ROTATIONS = frozenset(f"key.rotate_{kind}" for kind in KeyRotation.Kind.values)

TOLD_ACTIONS: Told = {
    ("accounts/rotation/run.py", "f'key.rotate_{kind}'"): ROTATIONS,
    ("accounts/rotation/run.py", "f'key.rotate_{rotation.kind}.{state}'"): _ended(
        ROTATIONS, KeyRotation.State.SUCCEEDED, KeyRotation.State.FAILED
    ),
    ("projects/doors/asgi.py", "permission"): PERMISSIONS,
    ("projects/doors/asgi.py", "action"): frozenset(),  # the gateway's call, below
    ("projects/doors/door.py", "permission"): PERMISSIONS,
    ("projects/doors/pages.py", "permission"): PERMISSIONS,
    ("projects/doors/pages.py", "f'platform.{self.reader}'"): PLATFORM,
    ("projects/doors/platform.py", "action"): PLATFORM,
    ("projects/operations/submit.py", "f'{kind}.requested'"): _ended(kinds(), "requested"),
    ("projects/operations/submit.py", "f'{operation.kind}.cancel'"): _ended(kinds(), "cancel"),
    ("projects/operations/work.py", "f'{operation.kind}.{state}'"): _ended(kinds(), *ENDS),
    ("projects/views/common.py", "permission"): PERMISSIONS,
    ("registry/mlflow/gateway.py", "records.action_of(call.match)"): GATEWAY,
    ("registry/mlflow/records.py", "action_of(match)"): GATEWAY,
}
TOLD_NAMES: Told = {
    (
        "accounts/actions/platform_role.py",
        "{what: count for what, count in ended.items() if count}",
    ): frozenset({"platform_tokens"}),
    (
        "accounts/actions/platform_role.py",
        "{key: value for key, value in (('by', by), ('reason', reason.strip())) if value}",
    ): frozenset({"by", "reason"}),
    (
        "projects/actions/forwarding.py",
        "{field: {'from': getattr(row, field), 'to': value} for field, value in changed.items()"
        " if field != 'authority'}",
    ): frozenset({"name", "address"}),
    (
        "projects/actions/robots.py",
        "{key: {'from': before[key], 'to': after[key]} for key in after if before[key] != after[key]}",
    ): frozenset({"role", "responsible", "until"}),
    ("projects/doors/asgi.py", "detail"): frozenset({"error", "path"}),
    # A job's inputs are named by the training project.
    (
        "registry/training/launch.py",
        "{name: f\"{m['dataset']}@{m['version']}\" for name, m in mounts.items()}",
    ): frozenset(),
    ("registry/datasets/deletion/destroying.py", "work.payload['destroyed']"): frozenset(
        {"contents", "bytes", "shared_contents_kept", "profiles"}
    ),
    ("registry/mlflow/records.py", "detail"): frozenset({"call", "error", "bytes", "status"}),
}


def recorded_actions() -> dict[str, str]:
    """Every action that the code records, and where."""
    found: dict[str, str] = {}
    for one in recordings():
        for action in texts(one.action, TOLD_ACTIONS):
            found.setdefault(action, f"{one.action.path}:{one.line}")
    return found


def recorded_names() -> dict[str, str]:
    """Every name in a detail that the code records, and where."""
    found: dict[str, str] = {}
    for one in recordings():
        if one.detail is not None:
            for name in names(one.detail, TOLD_NAMES):
                found.setdefault(name, f"{one.detail.path}:{one.line}")
    return found


def test_calls_are_found_that_nobody_would_overlook() -> None:
    found = recorded_actions()
    assert {
        "dataset.download",
        "link.request",
        "user.sign_in",
        "model.alias",
        "key.rotate_root.failed",
    } <= set(found)
    assert {"endpoint.deploy.requested", "training.run.cancel", "mlflow.read", "platform.suspend"} <= set(
        found
    )
    assert {"reason", "tier", "break_glass", "shared_contents_kept", "platform_tokens"} <= set(
        recorded_names()
    )


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_action_has_words(language: str) -> None:
    with translation.override(language):
        silent = {
            action: place for action, place in recorded_actions().items() if action_in_words(action) == action
        }
    assert not silent, "name them in projects/audit_actions"


@pytest.mark.parametrize(
    "gone", ["dataset.download", "link.request", "platform.suspend", "run.log", "mlflow.write"]
)
def test_an_action_without_words_is_noticed(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        audit_actions, "ACTIONS", {code: words for code, words in ACTIONS.items() if code != gone}
    )
    with pytest.raises(AssertionError, match=gone):
        test_every_action_has_words("en")


def test_no_words_are_for_what_is_never_recorded() -> None:
    assert not set(ACTIONS) - set(recorded_actions())


def test_words_tell_actions_apart() -> None:
    for language in ("en", "ko"):
        with translation.override(language):
            told = [action_in_words(action) for action in ACTIONS]
            assert len(set(told)) == len(told), language


def test_korean_words_are_korean() -> None:
    with translation.override("en"):
        english = {action: action_in_words(action) for action in recorded_actions()}
    with translation.override("ko"):
        assert not [action for action, words in english.items() if action_in_words(action) == words]


def test_every_name_in_a_detail_has_words() -> None:
    silent = {name: place for name, place in recorded_names().items() if name not in audit_names.NAMES}
    assert not silent, "name them in projects/audit_names.py"
    # Records of a reading hold the filters in use, by name.
    assert {*FILTERS, "account"} <= set(audit_names.NAMES)


@pytest.mark.parametrize("gone", ["reason", "shared_contents_kept", "tier"])
def test_a_name_without_words_is_noticed(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = {name: words for name, words in audit_names.NAMES.items() if name != gone}
    monkeypatch.setattr(audit_names, "NAMES", rest)
    with pytest.raises(AssertionError, match=gone):
        test_every_name_in_a_detail_has_words()


def test_every_kind_of_thing_and_actor_has_words() -> None:
    calls = [Match(route, {}) for route in every_route().values()]
    kinds_of_things = {thing_of(call, "x").type for call in calls} | {
        kind for kind in constants("Target") if kind
    }
    recorded = kinds_of_things | set(constants("Actor"))
    assert {"auditlog", "logged_model", "system", "identity"} <= recorded
    assert not recorded - set(KINDS), "name them in projects/audit_words.py"


def test_permissions_of_pages_and_streams_are_permissions() -> None:
    for view in (*_below(ProjectView), *_below(ProjectApp)):
        assert set(view.actions.values()) <= PERMISSIONS, view
    assert {view.reader for view in _below(PlatformView) if hasattr(view, "reader")} <= {
        PlatformRole.ADMIN,
        PlatformRole.AUDITOR,
    }


def test_nobody_records_under_another_name() -> None:
    """`audit.record` is called as such: another name for it would be overlooked here."""
    from tests.audit_pages.recorded import OWN, _modules

    for path, module in _modules().items():
        for node in ast.walk(module):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("accounts.audit"):
                assert (
                    path.startswith("accounts/audit/")
                    or path in OWN
                    or "record" not in {each.name for each in node.names}
                ), path
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "AuditEvent":
                assert path == "accounts/audit/record.py", path


def test_an_old_code_is_shown_as_it_is() -> None:
    assert action_in_words("something.new") == "something.new"
    assert action_in_words("something.new.requested") == "something.new.requested"
    with translation.override("ko"):
        assert action_in_words("training.run.requested") == "학습: 요청"
        assert action_in_words("key.rotate_root.failed") == "루트 키 교체: 실패"


def test_actions_are_found_by_their_words_in_any_language() -> None:
    for language in ("en", "ko"):
        with translation.override(language):
            assert actions_called("Download of a dataset") == ["dataset.download"]
            assert "dataset.download" in actions_called("데이터셋 내려")
            assert "training.run.failed" in actions_called("학습: 실")
            assert actions_called("ownload") == actions_called("of") == actions_called(" ") == []
