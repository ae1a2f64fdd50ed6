"""Actions of audit records in words: what each code is called, whatever its outcome.

The words are noun phrases, since a record is also kept of what was denied or failed. The log itself, the API and files
hold the codes alone. A code without words, as of an older version, is shown as it is.
"""

from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from projects.audit_actions import account, log, people, work
from projects.operations.registry import kinds, label_of

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

ACTIONS: dict[str, "_StrPromise"] = {**people.ACTIONS, **account.ACTIONS, **log.ACTIONS, **work.ACTIONS}

# What becomes of work in the background: its kind's code, a dot, and one of these.
STAGES: dict[str, "_StrPromise"] = {
    "requested": _("%(work)s: requested"),
    "cancel": _("%(work)s: cancellation requested"),
    "succeeded": _("%(work)s: finished"),
    "failed": _("%(work)s: failed"),
    "cancelled": _("%(work)s: cancelled"),
}
# What has stages without being an operation.
STAGED = frozenset({"key.rotate_root", "key.rotate_accounts", "model.register"})
# A single Korean syllable says something, one or two Latin letters do not.
_FEWEST_BYTES = 3


def _told(action: str) -> str:
    if action in ACTIONS:
        return str(ACTIONS[action])
    return label_of(action) if action in kinds() else ""


def action_in_words(action: str) -> str:
    """Return what an action is called, in the reader's language; one that has no words keeps its code."""
    if found := _told(action):
        return found
    begun, _dot, stage = action.rpartition(".")
    if stage in STAGES and (found := _told(begun)):
        return str(STAGES[stage]) % {"work": found}
    return action


@cache
def _phrases() -> list[tuple[str, str]]:
    """Every code and its words, in each language: in lower case, with a space before each word."""
    staged = [f"{begun}.{stage}" for begun, stage in product(kinds() | STAGED, STAGES)]
    found = []
    for language, _name in settings.LANGUAGES:
        with override(language):
            found += [(code, f" {action_in_words(code).lower()}") for code in (*ACTIONS, *staged)]
    return found


def actions_called(text: str) -> list[str]:
    """Return the codes of the actions whose words in any language contain a text that begins where a word does.

    The same in every language: a search that one person saves, another opens.
    """
    wanted = text.strip().lower()
    if len(wanted.encode()) < _FEWEST_BYTES:
        return []
    return sorted({code for code, phrase in _phrases() if f" {wanted}" in phrase})
