"""The monthly reviews as an auditor sees them: which log an address names, every log's months."""

from uuid import UUID

from django.utils.translation import gettext as _

from accounts.errors import NotFound
from accounts.models import Account
from projects.audit_log import PLATFORM_ITSELF
from projects.reviews.matrix import Log, platform_log


def account_of(log: str) -> UUID | None:
    """Return the account whose log an address names, None for the platform's own; raises `NotFound`."""
    if log == PLATFORM_ITSELF:
        return None
    try:
        return UUID(log)
    except ValueError:
        raise no_such_log() from None


def no_such_log() -> NotFound:
    """What somebody is told who names a log that there is not."""
    return NotFound("account.not_found", _("There is no such account."))


def log_named(log: str) -> Log:
    """Return a log with its name and beginning, in an auditor's scope; raises `NotFound`."""
    account_id = account_of(log)
    if account_id is None:
        return platform_log(_("The platform itself"))
    account: Account | None = Account.objects.filter(pk=account_id).first()
    if account is None:
        raise no_such_log()
    return account.pk, account.name, account.created_at


def logs_of(accounts: list[Account], *, platform: bool) -> list[Log]:
    """The logs of these accounts, after the platform's own."""
    own = [platform_log(_("The platform itself"))] if platform else []
    return [*own, *((account.pk, account.name, account.created_at) for account in accounts)]
