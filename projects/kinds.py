"""What this floor lets people ask for and tells them about, registered once as the process starts."""

from django.utils.translation import gettext_lazy as _

from projects import approvals, notifications
from projects.actions import access, break_glass, key_destruction, links, robots
from projects.permissions import Permission


def register() -> None:
    """Make the kinds of requests and notices of this floor known."""
    notifications.register_notice(approvals.ASKED, _("Requests that wait for me"))
    notifications.register_notice(approvals.DECIDED, _("Decisions"))
    notifications.register_notice(access.GRANTED, _("Permissions granted to me"))
    notifications.register_notice(break_glass.ENTERED, _("Break-glass"))
    notifications.register_notice(break_glass.ENDED, _("End of break-glass"))
    notifications.register_notice(key_destruction.NOTICE, _("Destruction of protection keys"))
    notifications.register_notice(robots.LEFT, _("Robots without a responsible person"))
    approvals.register_kind(
        access.KIND,
        _("Access"),
        permission=Permission.ACCESS_DECIDE,
        on_approve=access.approved,
        check=access.check_decider,
        evidence=access.evidence,
    )
    approvals.register_kind(
        links.APPROVAL,
        _("Link"),
        permission=Permission.LINK_MANAGE,
        on_approve=links.request_approved,
        on_reject=links.request_rejected,
        evidence=links.request_evidence,
        asker=links.request_asker,
    )
