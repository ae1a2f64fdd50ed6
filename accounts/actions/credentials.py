"""Keeping an account's credentials. Their secrets come in here, and leave only through actions that say so."""

from typing import Any

from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.credentials import parse_secret
from accounts.errors import Conflict, Invalid
from accounts.models import Credential


@sensitive_variables("secret", "sealed")
def create_credential(name: str, kind: str, secret: Any, *, by: str) -> Credential:
    """Seal a secret under the protection key of the account in scope. `by` names who brought it.

    Raises `Invalid` for an empty name or a secret that is not of its kind, `Conflict` for a name in use.
    """
    name = name.strip()
    if not name:
        message = _("A credential needs a name.")
        raise Invalid("credential.name", message, errors={"name": [message]})
    if Credential.objects.filter(name=name).exists():
        raise Conflict("credential.exists", _("There is a credential “%(name)s” already.") % {"name": name})
    credential = Credential(name=name, kind=kind, created_by_label=by[:120])
    credential.secret = parse_secret(kind, secret)
    credential.save(force_insert=True)
    audit.record("credential.create", credential, detail={"kind": kind})
    return credential


@sensitive_variables("secret")
def replace_secret(credential: Credential, secret: Any) -> Credential:
    """Seal another secret of the same kind in place of the one before, which is gone then. Raises `Invalid`."""
    credential.secret = parse_secret(credential.kind, secret)
    credential.save(update_fields=["secret", "updated_at"])
    audit.record("credential.replace", credential, detail={"kind": credential.kind})
    return credential


def delete_credential(credential: Credential) -> None:
    """Forget a credential; what was sealed is gone with its row."""
    audit.record("credential.delete", credential, detail={"kind": credential.kind})
    credential.delete()
