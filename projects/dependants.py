"""What on this floor relies on a credential."""

from django.utils.translation import gettext as _

from accounts.credentials.dependants import Dependant
from accounts.models import Credential, TrustLink
from projects.models import Webhook


def webhooks(credential: Credential) -> list[Dependant]:
    """The webhooks whose notices this secret signs."""
    names = Webhook.objects.filter(credential=credential).order_by("name").values_list("name", flat=True)
    return [Dependant(_("Webhook"), name) for name in names]


def links(credential: Credential) -> list[Dependant]:
    """The links through which leases of it are lent."""
    rows = TrustLink.objects.filter(
        lender_id=credential.account_id,
        state__in=[TrustLink.State.INVITED, TrustLink.State.REQUESTED, TrustLink.State.ACTIVE],
        terms__credentials__contains=[{"id": str(credential.pk)}],
    )
    return [
        Dependant(_("Link"), link.borrower_label or _("an offer"), f"settings/account/links/{link.pk}/")
        for link in rows.order_by("-id")
    ]
