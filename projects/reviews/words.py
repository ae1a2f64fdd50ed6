"""Findings in words: a heading and a meaning for each kind, a sentence for each finding, in the reader's language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import PlatformRole
from projects.audit_actions import action_in_words
from projects.audit_words import facts_in_words, value_in_words
from projects.holdings import role_label
from projects.reviews.findings import KINDS

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Facts = Mapping[str, Any]

HEADINGS: dict[str, tuple["_StrPromise", "_StrPromise"]] = {
    "log": (
        gettext_lazy("The log itself"),
        gettext_lazy("Whether the log was verified in this month, and what was found."),
    ),
    "refused": (
        gettext_lazy("Denied and failed attempts"),
        gettext_lazy("By person. Many within an hour stand out."),
    ),
    "lockout": (
        gettext_lazy("Sign-ins slowed down or locked"),
        gettext_lazy("Too many tries for one person or from one address."),
    ),
    "break_glass": (
        gettext_lazy("Break-glass"),
        gettext_lazy(
            "Platform admins who entered this project without being members, why, and what they did."
        ),
    ),
    "data": (
        gettext_lazy("Confidential and restricted data"),
        gettext_lazy(
            "Who read, previewed or downloaded it, and whose credentials were shown, with the reasons."
        ),
    ),
    "leaver": (
        gettext_lazy("Left behind by leavers"),
        gettext_lazy(
            "What is still alive of people who are deactivated or no longer members, and of stopped robots."
        ),
    ),
    "dormant": (
        gettext_lazy("Dormant members and robots"),
        gettext_lazy(
            "Members, and robots that were let at data, of whom the log has no record for 90 days; what they hold."
        ),
    ),
    "grant": (
        gettext_lazy("Grants that end soon or never"),
        gettext_lazy("What ends within a month after, and grants on datasets without an end."),
    ),
    "change": (
        gettext_lazy("Roles, permissions and grants"),
        gettext_lazy("Every change of who may do what."),
    ),
    "link": (gettext_lazy("Links"), gettext_lazy("Every change of what is lent or borrowed.")),
    "key": (
        gettext_lazy("Keys and the account"),
        gettext_lazy("Rotations, shredding, suspending, closing, and disposal of old records."),
    ),
}
assert set(HEADINGS) == set(KINDS)

_WHAT = {
    "token": gettext_lazy("token"),
    "grant": gettext_lazy("permission"),
    "membership": gettext_lazy("role in the project"),
    "dataset": gettext_lazy("grant on the dataset"),
    "role": gettext_lazy("platform role"),
    "robot": gettext_lazy("robot"),
}
_DONE = {
    "dataset.download": gettext_lazy("downloaded"),
    "dataset.preview": gettext_lazy("previewed"),
    "dataset.read": gettext_lazy("read in a training job"),
    "credential.reveal": gettext_lazy("looked at the credential"),
}


def _at(text: str | None) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC" if text else ""


def _until(facts: Facts) -> str:
    return (
        _("until %(until)s") % {"until": _at(facts["until"])} if facts.get("until") else _("without an end")
    )


def _log(about: str, facts: Facts) -> str:
    if not facts["times"]:
        return _("The log was not verified in this month. Verify it now, and look at the result.")
    times = ngettext("Verified %(times)d time.", "Verified %(times)d times.", facts["times"]) % facts
    if facts["wrong"]:
        return times + " " + _("%(wrong)d of these found something wrong.") % facts
    if facts["findings"]:
        return times + " " + _("The newest verification found something wrong.")
    return times + " " + _("All was as it was sealed.")


def _refused(about: str, facts: Facts) -> str:
    return _(
        "%(who)s: %(denied)d denied, %(failed)d failed; at most %(most_in_an_hour)d within an hour (%(hour)s)."
    ) % {**facts, "who": about or _("Somebody unknown"), "hour": _at(facts["hour"])}


def _lockout(about: str, facts: Facts) -> str:
    return _("%(who)s: %(count)d times, the last %(at)s, from %(addresses)s.") % {
        "who": about or _("Somebody unknown"),
        "count": facts["count"],
        "at": _at(facts["last_at"]),
        "addresses": ", ".join(facts["addresses"]) or "—",
    }


def _break_glass(about: str, facts: Facts) -> str:
    done = ", ".join(f"{action_in_words(action)} × {count}" for action, count in facts["done"].items())
    text = _("%(who)s entered at %(at)s for %(hours)d hours: “%(reason)s”.") % {
        "who": about,
        "at": _at(facts["at"]),
        "hours": facts["hours"],
        "reason": facts["reason"],
    }
    if facts["repair"]:
        text += " " + _("Repairing was asked for.")
    return text + " " + (_("Done: %(done)s.") % {"done": done} if done else _("Nothing was opened."))


def _data(about: str, facts: Facts) -> str:
    text = _("%(who)s %(done)s “%(thing)s” %(count)d times.") % {
        "who": about,
        "done": _DONE.get(facts["action"]) or action_in_words(facts["action"]),
        "thing": facts["thing"],
        "count": facts["count"],
    }
    if facts["reasons"]:
        text += " " + _("Reasons: %(reasons)s.") % {
            "reasons": "; ".join(f"“{reason}”" for reason in facts["reasons"])
        }
    if facts["outside_hours"]:
        text += " " + _("%(outside_hours)d outside working hours.") % facts
    return text


def _thing(facts: Facts) -> str:
    """What is alive, or given: a role by what pages call it, anything else by its name."""
    named = str(facts["thing"])
    if facts["what"] == "membership":
        return role_label(named)
    if facts["what"] == "role" and named in PlatformRole.values:
        return str(PlatformRole(named).label)
    return named


def _leaver(about: str, facts: Facts) -> str:
    if facts.get("robot"):
        sentence = _("The robot %(who)s does not work, but this %(what)s is alive: %(thing)s, %(until)s.")
    elif facts["active"]:
        sentence = _("%(who)s is no longer a member, but this %(what)s is alive: %(thing)s, %(until)s.")
    else:
        sentence = _("%(who)s is deactivated, but this %(what)s is alive: %(thing)s, %(until)s.")
    return sentence % {
        "who": about,
        "what": _WHAT[facts["what"]],
        "thing": _thing(facts),
        "until": _until(facts),
    }


def _dormant(about: str, facts: Facts) -> str:
    if facts.get("robot"):
        return _("The robot %(who)s: no record for %(days)d days. Was let at %(thing)s, %(until)s.") % {
            "who": about,
            "days": facts["days"],
            "thing": facts["thing"],
            "until": _until(facts),
        }
    text = _("%(who)s (%(role)s): no record for %(days)d days.") % {
        "who": about,
        "role": role_label(facts["role"]),
        "days": facts["days"],
    }
    if facts["grants"]:
        text += " " + _("Also holds %(grants)s.") % {"grants": ", ".join(facts["grants"])}
    return text


def _grant(about: str, facts: Facts) -> str:
    text = _("%(who)s: %(what)s %(thing)s, %(until)s.") % {
        "who": about,
        "what": _WHAT[facts["what"]],
        "thing": _thing(facts),
        "until": _until(facts),
    }
    return text + (f" “{facts['reason']}”" if facts.get("reason") else "")


# Ids, and what the sentence says anyway.
_UNSAID = frozenset({"from", "to", "grant", "bearer", "break_glass", "user"})


def _each(about: str, facts: Facts) -> str:
    detail = facts["detail"]
    rest = {name: value for name, value in detail.items() if name not in _UNSAID}
    shown = [f"{name}: {value}" for name, value in facts_in_words(rest).items()]
    what = "sensitivity" if facts["action"] == "dataset.sensitivity" else ""
    if "from" in detail and "to" in detail:
        shown.insert(0, value_in_words({"from": detail["from"], "to": detail["to"]}, what))
    elif "to" in detail:
        shown.insert(0, f"→ {value_in_words(detail['to'])}")
    parts = (f"{_at(facts['at'])} {about}: {action_in_words(facts['action'])}", facts["thing"])
    text = " · ".join(part for part in parts if part)
    return text + (f" ({'; '.join(shown)})" if shown else "")


_SENTENCES: dict[str, Callable[[str, Facts], str]] = {
    "log": _log,
    "refused": _refused,
    "lockout": _lockout,
    "break_glass": _break_glass,
    "data": _data,
    "leaver": _leaver,
    "dormant": _dormant,
    "grant": _grant,
    "change": _each,
    "link": _each,
    "key": _each,
}


def sentence(finding: Mapping[str, Any]) -> str:
    """Say what was found."""
    return _SENTENCES[finding["kind"]](finding["about"], finding["facts"])


@dataclass(frozen=True, slots=True)
class Section:
    """The findings of one kind, as a page shows them."""

    kind: str
    title: str
    meaning: str
    findings: list[Any]
    left_out: int
    open: int
