"""Why a workload is where it is: a code and its facts on the row, a sentence in the reader's language on
the page.
"""

import signal
from typing import Any

from django.utils.translation import gettext_lazy as _

SENTENCES = {
    "waiting": _("Waiting for a free place on the portal's machine."),
    "exited": _("The program ended with exit code %(code)d; its log says why."),
    "signal": _("The program was ended by %(signal)s; its log may say why."),
    "memory": _("It used more than its %(limit)s of memory and was ended. Ask for more memory, or use less."),
    "wall": _("It ran longer than its limit of %(limit)s and was ended."),
    "cpu": _("It used more than its %(limit)s of processor time and was ended."),
    "disk": _("It wrote more than its %(limit)s of disk and was ended."),
    "processes": _("It started more than its %(limit)s processes and threads and was ended."),
    "start": _("It could not be started: %(detail)s."),
    "abandoned": _("The portal's agent was gone for long, and it was ended."),
    "stopped": _("It was stopped."),
    "portal_stopped": _("The portal was stopped while this was running."),
    "lost": _("The portal's machine or its agent stopped abruptly while this was running, and it is gone."),
    "prepare": _("It could not be prepared: %(detail)s"),
    "prepare_error": _(
        "It could not be prepared because of an error of the portal (%(detail)s); its log says more."
    ),
    "not_ready": _("It did not answer on its socket within %(limit)s; its log may say why."),
    "unhealthy": _("It stopped answering on its socket."),
    "not_isolated": _(
        "Workloads on this machine are not isolated from each other, so it serves one account only."
    ),
}
CRASHED = _("%(why)s It is started again (%(count)d so far).")


def sentence(code: str, facts: dict[str, Any]) -> str:
    """Return the sentence for a code, in the active language; empty for the empty code."""
    return str(SENTENCES[code] % facts) if code else ""


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def size(count: int) -> str:
    """Bytes for people: 4 GiB, 512 MiB."""
    for unit, name in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if count >= unit:
            return f"{count / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{count} B"


def duration(seconds: float) -> str:
    """Seconds for people: 1:30:00."""
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"
