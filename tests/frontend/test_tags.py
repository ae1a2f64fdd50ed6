"""The pure parts of the page's tags and of the translations."""

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.template import Context, Template
from django.utils import translation

from portal.glossary import TERMS
from portal.states import STATES
from portal.templatetags.ui import curl_command, duration, figure, place_stages
from portal.translations import Message, collect, compile_catalogue, complaints, merge

STAGES = [("source", "Source"), ("train", "Training"), ("register", "Registration")]


@pytest.mark.parametrize(
    ("current", "state", "shown"),
    [
        ("train", "running", ["done", "current", "pending"]),
        ("train", "failed", ["done", "failed", "pending"]),
        ("register", "cancelled", ["done", "done", "cancelled"]),
        ("", "queued", ["pending", "pending", "pending"]),
        ("train", "unknown", ["done", "unknown", "pending"]),
        ("", "succeeded", ["done", "done", "done"]),
        ("not a stage", "running", ["current", "pending", "pending"]),
    ],
)
def test_stages_say_where_the_work_stands(current: str, state: str, shown: list[str]) -> None:
    assert [stage["state"] for stage in place_stages(STAGES, current, state)] == shown


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "—"),
        (0.032, "32 ms"),
        (59.6, "1 min"),
        (4321, "1 h 12 min"),
        (timedelta(days=2, seconds=5), "2 d"),
    ],
)
def test_durations(value: float | timedelta | None, words: str) -> None:
    with translation.override("en"):
        assert duration(value) == words


def test_figures_have_no_noise() -> None:
    assert [figure(value) for value in (None, 76289, 0.91234567, 3.0, "text")] == [
        "—",
        "76,289",
        "0.9123",
        "3",
        "text",
    ]


def test_curl_survives_quotes_in_a_shell() -> None:
    command = curl_command("POST", "/api/v1/x", {"note": "it's $HOME"})
    printed = subprocess.run(
        ["sh", "-c", command.replace("curl", "printf '%s\\n'", 1)], capture_output=True, text=True, check=True
    )
    assert '{"note": "it\'s $HOME"}' in printed.stdout.splitlines()
    assert f"{settings.BASE_URL}/api/v1/x" in printed.stdout


def test_text_in_components_is_escaped() -> None:
    page = Template(
        '{% load ui %}{% code text %}{% copyable text %}{% state text %}{% button text %}{% curl "GET" text %}'
    )
    html = page.render(Context({"text": '"><script>alert(1)</script>'}))
    assert "<script>" not in html


def test_every_icon_that_a_state_uses_is_in_the_sprite() -> None:
    listed = (settings.CODE / "frontend" / "icons.txt").read_text().split()
    assert {look.icon for look in STATES.values()} <= set(listed)


def test_glossary_speaks_korean_in_the_words_of_the_original_note(tmp_path: Path) -> None:
    entries = {
        entry.msgid: entry.msgstr
        for entry in polib.pofile(str(settings.CODE / "locale/ko/LC_MESSAGES/django.po"))
    }
    with translation.override("en"):
        meanings = {name: str(term.meaning) for name, term in TERMS.items()}
    assert entries[meanings["confusion matrix"]] == "분류 모델 성능을 시각적으로 나타내는 행렬"
    assert all(entries[meaning] for meaning in meanings.values())


def test_messages_are_collected_merged_checked_and_compiled(tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "page.html").write_text(
        '{% load i18n %}\n  {% trans "It\'s here" %}\n{% blocktrans with n=name %}Hello {{ n }}{% endblocktrans %}\n'
        '{% blocktrans count counter=rows %}one row{% plural %}{{ counter }} rows{% endblocktrans %}{{ _("Plain") }}'
    )
    (tmp_path / "portal").mkdir()
    (tmp_path / "portal" / "code.py").write_text(
        'text = _("%(count)d left") % {"count": 1}\nother = pgettext("menu", "Open")\n'
    )
    messages = collect(tmp_path)
    assert set(messages) == {
        Message("It's here"),
        Message("Hello %(n)s"),
        Message("one row", "%(counter)s rows"),
        Message("Plain"),
        Message("%(count)d left"),
        Message("Open", context="menu"),
    }
    catalogue = tmp_path / "locale" / "ko" / "LC_MESSAGES" / "django.po"
    assert merge(catalogue, messages) == (6, 0)
    assert len([line for line in complaints(catalogue, messages) if line.startswith("untranslated")]) == 6
    texts = polib.pofile(str(catalogue))
    for entry in texts:
        entry.msgstr = entry.msgid if not entry.msgid_plural else ""
        entry.msgstr_plural = {0: "%(counter)s행"} if entry.msgid_plural else {}
    texts.save()
    assert list(complaints(catalogue, messages)) == []
    assert compile_catalogue(catalogue)
    assert not compile_catalogue(catalogue)
    next(entry for entry in texts if entry.msgid == "%(count)d left").msgstr = "%(number)d"
    texts.save()
    assert any(line.startswith("other placeholders") for line in complaints(catalogue, messages))
    shutil.rmtree(templates)
    assert merge(catalogue, collect(tmp_path)) == (0, 4)
