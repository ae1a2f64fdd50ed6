"""Tags and filters that pages are made of: `{% load ui %}`. docs/design-system.md shows each in use."""

import datetime
import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms, template
from django.conf import settings
from django.forms.boundfield import BoundField
from django.template.context import Context
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.glossary import TERMS
from portal.states import STATES, UNNAMED
from projects import retold as stored
from projects.audit_actions import action_in_words
from projects.audit_words import kind_in_words, via_in_words
from projects.explained import explained

register = template.Library()

THEMES = ("light", "dark", "system")
THEME_COOKIE = "theme"


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite; decorative unless `label` says what it means. Names: frontend/icons.txt."""
    target = f"{static('vendor/icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', label, target
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', target)


@register.simple_tag(takes_context=True)
def theme_choice(context: Context) -> str:
    """What the person chose: light, dark, or system (the default)."""
    request = context.get("request")
    chosen = request.COOKIES.get(THEME_COOKIE, "") if request is not None else ""
    return chosen if chosen in THEMES else "system"


@register.simple_tag
def portal_name() -> str:
    """The name of this installation, shown as its wordmark."""
    return str(settings.PORTAL_NAME)


@register.inclusion_tag("components/state.html")
def state(name: object, plain: bool = False, label: str = "") -> dict[str, Any]:
    """A pill with icon, colour and word for a state of anything: operation, run, endpoint, token, outcome."""
    key = str(getattr(name, "value", name) or "unknown").lower()
    shown = STATES.get(key, UNNAMED)
    return {
        "label": label or shown.label or key,
        "tone": shown.tone,
        "icon": shown.icon,
        "busy": shown.busy,
        "plain": plain,
    }


@register.inclusion_tag("components/button.html")
def button(
    label: str,
    *,
    href: str = "",
    icon: str = "",
    variant: str = "secondary",
    size: str = "",
    type: str = "button",
    name: str = "",
    value: str = "",
    icon_only: bool = False,
    disabled: bool = False,
    confirm: str = "",
) -> dict[str, Any]:
    """A button, or with `href` a link that looks like one. Variants: primary, secondary, ghost, danger."""
    return locals()


@register.inclusion_tag("components/when.html")
def when(moment: datetime.datetime | datetime.date | str | None, style: str = "relative") -> dict[str, Any]:
    """A moment: absolute from the server, "3 minutes ago" by script unless `style` is absolute."""
    if isinstance(moment, str):
        moment = datetime.datetime.fromisoformat(moment) if moment else None
    if isinstance(moment, datetime.datetime):
        moment = timezone.make_aware(moment, datetime.UTC) if timezone.is_naive(moment) else moment
        local = timezone.localtime(moment)
        return {
            "iso": moment.isoformat(),
            "text": local.strftime("%Y-%m-%d %H:%M"),
            "zone": local.tzname(),
            "style": style,
        }
    if isinstance(moment, datetime.date):
        return {"iso": moment.isoformat(), "text": moment.isoformat(), "zone": "", "style": "absolute"}
    return {"iso": ""}


@register.filter
def milliseconds(value: int | float | None) -> datetime.datetime | None:
    """MLflow's milliseconds since 1970 as a moment, for `{% when run.start_time|milliseconds %}`."""
    return datetime.datetime.fromtimestamp(value / 1000, datetime.UTC) if value else None


@register.filter
def duration(value: float | datetime.timedelta | None) -> str:
    """Seconds (or a timedelta) in words of at most two units: "1 h 12 min"."""
    if value is None or value == "":
        return "—"
    seconds = value.total_seconds() if isinstance(value, datetime.timedelta) else float(value)
    if seconds < 1:
        return _("%(count)d ms") % {"count": round(seconds * 1000)}
    whole = round(seconds)
    parts = [
        (whole // 86400, _("%(count)d d")),
        (whole % 86400 // 3600, _("%(count)d h")),
        (whole % 3600 // 60, _("%(count)d min")),
        (whole % 60, _("%(count)d s")),
    ]
    first = next(place for place, (count, _unit) in enumerate(parts) if count)
    return " ".join(unit % {"count": count} for count, unit in parts[first : first + 2] if count)


@register.filter
def figure(value: object, digits: int = 4) -> str:
    """A measured number at `digits` significant digits, without noise: 0.91234567 → 0.9123."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "—" if value is None else str(value)
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:.{digits}g}"


@register.inclusion_tag("components/term.html")
def term(name: str, label: str = "") -> dict[str, Any]:
    """A term of the field with its meaning in a tooltip. A name that the glossary lacks raises KeyError."""
    found = TERMS[name.lower()]
    return {"label": label or found.label, "meaning": found.meaning}


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, label: str = "", hide_label: bool = False) -> dict[str, Any]:
    """One form field: label, control, help and errors, joined for screen readers."""
    widget = bound.field.widget
    single_check = isinstance(widget, forms.CheckboxInput)
    group = isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple)
    kind = "form-select" if isinstance(widget, forms.Select) and not group else "form-control"
    classes = ["form-check-input" if single_check or group else kind, widget.attrs.get("class", "")]
    attributes: dict[str, Any] = {}
    described: list[str] = []
    if bound.help_text and not group:
        described.append(f"{bound.auto_id}_helptext")
    if bound.errors:
        classes.append("is-invalid")
        attributes["aria-invalid"] = "true"
        described.append(f"{bound.auto_id}_error")
    if described:
        attributes["aria-describedby"] = " ".join(described)
    attributes["class"] = " ".join(name for name in classes if name)
    return {
        "bound": bound,
        "control": bound.as_widget(attrs=attributes),
        "label": label or bound.label,
        "hide_label": hide_label,
        "layout": "check" if single_check else "group" if group else "plain",
        "optional": not bound.field.required and not single_check,
    }


@register.inclusion_tag("components/form_errors.html")
def form_errors(form: forms.BaseForm) -> dict[str, Any]:
    """The errors of a form that belong to no one field."""
    return {"errors": form.non_field_errors()}


@register.inclusion_tag("components/code.html")
def code(text: str, title: str = "", language: str = "") -> dict[str, Any]:
    """A block of code with a copy button."""
    return {"text": str(text).strip("\n"), "title": title, "language": language}


@register.inclusion_tag("components/copyable.html")
def copyable(text: object, label: str = "") -> dict[str, Any]:
    """A short text (id, hash, address) with a copy button; `label` is shown in place of the whole text."""
    return {"text": str(text), "label": label or str(text)}


def curl_command(method: str, url: str, body: object = None) -> str:
    """The shell line that does what the page does, with the token left to the reader's environment."""
    address = url if url.startswith(("http://", "https://")) else f"{settings.BASE_URL}{url}"
    lines = [f"curl -fsS{'' if method == 'GET' else f' -X {method}'} {shlex.quote(address)}"]
    lines.append('-H "Authorization: Bearer $MLP_TOKEN"')
    if body is not None and body != "":
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        lines += ['-H "Content-Type: application/json"', f"-d {shlex.quote(text)}"]
    return " \\\n  ".join(lines)


@register.inclusion_tag("components/curl.html")
def curl(method: str, url: str, body: object = None, label: str = "") -> dict[str, Any]:
    """The "copy as curl" button of an action or a list."""
    return {"command": curl_command(method, url, body), "label": label}


@register.inclusion_tag("components/stagebar.html")
def stagebar(
    stages: Iterable[Any], current: str = "", state: object = "running", compact: bool = False
) -> dict[str, Any]:
    """Stages as a bar. `stages`: (key, label) pairs, with where the work stands in `current` and `state`;
    or dictionaries with `label` and `state` (done, current, pending, failed, cancelled)."""
    rows = list(stages)
    if rows and isinstance(rows[0], Mapping):
        return {"stages": rows, "compact": compact}
    pairs = [(row, row) if isinstance(row, str) else (row[0], row[1]) for row in rows]
    return {
        "stages": place_stages(pairs, current, str(getattr(state, "value", state)).lower()),
        "compact": compact,
    }


def place_stages(pairs: list[tuple[str, Any]], current: str, state: str) -> list[dict[str, Any]]:
    """Say of each stage whether it is behind, here or ahead; ended work colours the stage it ended in."""
    if state in {"succeeded", "finished", "done"}:
        return [{"label": label, "state": "done"} for _key, label in pairs]
    keys = [key for key, _label in pairs]
    here = keys.index(current) if current in keys else (0 if state != "queued" else -1)
    at = {
        "failed": "failed",
        "cancelled": "cancelled",
        "killed": "cancelled",
        "queued": "pending",
        "unknown": "unknown",
    }.get(state, "current")
    return [
        {"label": label, "state": "done" if place < here else at if place == here else "pending"}
        for place, (_key, label) in enumerate(pairs)
    ]


@register.inclusion_tag("components/th.html", takes_context=True)
def th(
    context: Context, label: str, sort: str = "", numeric: bool = False, shrink: bool = False
) -> dict[str, Any]:
    """A column heading; with `sort` it links to `?sort=key`, or `?sort=-key` when already sorted by it."""
    request = context.get("request")
    query = request.GET.copy() if request is not None else None
    if not sort or query is None:
        return {"label": label, "numeric": numeric, "shrink": shrink}
    now = query.get("sort", "")
    direction = {sort: "ascending", f"-{sort}": "descending"}.get(now, "")
    query["sort"] = f"-{sort}" if now == sort else sort
    query.pop("cursor", None)
    return {
        "label": label,
        "numeric": numeric,
        "shrink": shrink,
        "direction": direction,
        "href": f"?{query.urlencode()}",
    }


@register.filter
def via(value: str) -> str:
    """How something came in, in words: `{{ event.via|via }}`."""
    return via_in_words(value)


@register.filter
def kind_of(value: str) -> str:
    """What an audit record's kind of thing or actor is called: `{{ event.target_type|kind_of }}`."""
    return kind_in_words(value)


@register.inclusion_tag("components/action.html")
def action(code: str, inline: bool = False) -> dict[str, Any]:
    """What an audit record's action is called, and beneath it (or beside it) the code that filters take."""
    words = action_in_words(code)
    return {"words": words if words != code else "", "code": code, "inline": inline}


@register.filter
def called(action: str) -> str:
    """What an action is called, without its code: for lists to choose from."""
    return action_in_words(action)


@register.filter
def means(permission: str) -> str:
    """What holding a permission means, in words: `{{ grant.permission|means }}`."""
    return explained(permission)


@register.filter
def retold(sentence: str) -> str:
    """A sentence that was stored, in the reader's language: `{{ operation.error|retold }}`."""
    return stored.retold(sentence)


@register.filter
def recorded(value: object) -> str:
    """A value of an audit record's detail as it stands in the record: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@register.filter
def percent(value: float | None, digits: int = 0) -> str:
    """A share between 0 and 1 as a percentage."""
    return "—" if value is None else f"{value * 100:.{digits}f}%"


@register.filter
def initial(value: object) -> str:
    """The first letter of a name, for monograms."""
    return str(value or "?").strip()[:1]


@register.simple_tag
def count_of(number: int, noun: str) -> str:
    """A count of one of the portal's nouns, in the reader's language."""
    forms_of = {
        "dataset": ngettext("%(count)s dataset", "%(count)s datasets", number),
        "version": ngettext("%(count)s version", "%(count)s versions", number),
        "run": ngettext("%(count)s run", "%(count)s runs", number),
        "model": ngettext("%(count)s model", "%(count)s models", number),
        "endpoint": ngettext("%(count)s endpoint", "%(count)s endpoints", number),
        "member": ngettext("%(count)s member", "%(count)s members", number),
        "row": ngettext("%(count)s row", "%(count)s rows", number),
        "file": ngettext("%(count)s file", "%(count)s files", number),
        "event": ngettext("%(count)s event", "%(count)s events", number),
    }
    return forms_of[noun] % {"count": f"{number:,}"}


@register.simple_tag
def icon_url(name: str) -> str:
    """The address of an icon, for an element that carries its own classes."""
    return f"{static('vendor/icons.svg')}#{name}"


@register.inclusion_tag("components/progress.html")
def progress(value: float | None, state: object = "running", label: object = "") -> dict[str, Any]:
    """How far a work is, 0 to 1; unknown (None, or running at 0) shows as moving."""
    name = str(getattr(state, "value", state)).lower()
    tone = {"succeeded": "is-done", "finished": "is-done", "failed": "is-bad"}.get(name, "")
    return {"value": 1.0 if tone == "is-done" else value, "tone": tone, "label": label}


@register.filter
def can(grant: Any, permission: str) -> bool:
    """Whether the reader may do this here: `{% if grant|can:"dataset.write" %}`. Without a grant: no."""
    return bool(grant) and grant.can(permission)
