"""Mail to people about what belongs to no project, and so has no place in the inbox."""

from collections.abc import Iterable

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import User

log = structlog.get_logger(__name__)


def mail(people: Iterable[User], subject: str, text: str, *, values: dict[str, str], link: str) -> None:
    """Mail people something, each in their own language, once the transaction has committed. `subject` and `text` are
    English messages marked by `gettext_noop`; `link` is a path of the portal. Who has no address gets nothing.
    """
    letters = [_letter(user, subject, text, values, link) for user in people if user.email]
    transaction.on_commit(lambda: _send(letters))


def _letter(user: User, subject: str, text: str, values: dict[str, str], link: str) -> EmailMessage:
    with translation.override(user.language):
        head, body = _(subject) % values, _(text) % values
    return EmailMessage(
        subject=" ".join(head.split()),
        body=f"{body}\n\n{settings.BASE_URL}{link}",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[user.email],
        headers={"Auto-Submitted": "auto-generated"},
    )


def _send(letters: list[EmailMessage]) -> None:
    for letter in letters:
        try:
            letter.send()
        except OSError as error:  # smtplib's errors are OSErrors; the page says it as well
            log.error("letter_not_mailed", error=type(error).__name__)
