"""What on this floor relies on a credential."""

from django.utils.translation import gettext as _

from accounts.credentials.dependants import Dependant
from accounts.models import Credential
from projects.models import Webhook


def webhooks(credential: Credential) -> list[Dependant]:
    """The webhooks whose notices this secret signs."""
    names = Webhook.objects.filter(credential=credential).order_by("name").values_list("name", flat=True)
    return [Dependant(_("Webhook"), name) for name in names]
