"""Forms of credentials: one per kind, a field for each part of its secret."""

from typing import TYPE_CHECKING, Any, NamedTuple

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.actions.credentials import REASON_LENGTH
from accounts.credentials import SECRETS
from accounts.models import Credential

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Part(NamedTuple):
    """How a part of a secret is asked for: what it is called, what helps, and as what it is typed."""

    label: "_StrPromise"
    help: "_StrPromise | str" = ""
    kind: str = "text"


_ENGINES = [("postgresql", "PostgreSQL"), ("mysql", "MySQL, MariaDB")]
_TLS = [
    ("verify", _("Encrypted, certificate checked")),
    ("require", _("Encrypted, certificate not checked")),
    ("off", _("Not encrypted")),
]
_USERNAME = Part(_("Username"))
_AUTHORITY = Part(_("Certificate authority"), _("PEM. Leave it empty for a public one."), "pem")

PARTS: dict[str, dict[str, Part]] = {
    Credential.Kind.KUBECONFIG: {
        "server": Part(_("API server"), _("https://host:6443")),
        "certificate_authority": Part(_("Certificate authority"), _("PEM."), "pem"),
        "namespace": Part(_("Namespace"), _("Where its work runs.")),
        "token": Part(_("Token"), _("Of a service account; or a client certificate instead."), "password"),
        "client_certificate": Part(_("Client certificate"), _("PEM."), "pem"),
        "client_key": Part(_("Key of the client certificate"), _("PEM, without a password."), "pem"),
    },
    Credential.Kind.S3: {
        "endpoint": Part(_("Endpoint"), _("https://s3.example.com")),
        "region": Part(_("Region")),
        "bucket": Part(_("Bucket")),
        "access_key_id": Part(_("Access key")),
        "secret_access_key": Part(_("Secret access key"), "", "password"),
        "path_style": Part(_("The bucket is in the path, not in the host name"), "", "check"),
        "role_arn": Part(
            _("Role for leases"),
            _("ARN. Only needed to lend this storage: borrowers get sessions of this role."),
        ),
    },
    Credential.Kind.GIT: {
        "url": Part(_("Repository"), _("https://git.example.com/team/project.git")),
        "username": _USERNAME,
        "token": Part(_("Token"), _("One that may only read is enough."), "password"),
    },
    Credential.Kind.DATABASE: {
        "engine": Part(_("Database system"), "", "engine"),
        "host": Part(_("Host")),
        "port": Part(_("Port"), "", "port"),
        "database": Part(_("Database")),
        "username": _USERNAME,
        "password": Part(_("Password"), _("Of a user that may only read."), "password"),
        "tls": Part(_("Connection"), "", "tls"),
        "certificate_authority": _AUTHORITY,
    },
    Credential.Kind.REGISTRY: {
        "url": Part(_("Registry"), _("https://registry.example.com")),
        "username": _USERNAME,
        "password": Part(_("Password or token"), "", "password"),
    },
    Credential.Kind.WEBHOOK: {
        "url": Part(_("Address"), _("Where it is tested. The webhooks that sign with it have their own.")),
        "secret": Part(
            _("Signing secret"), _("At least 16 characters; the receiver checks with it."), "password"
        ),
    },
}


class CredentialForm(forms.Form):
    """A credential of one kind: a name, unless it has one already, and a field for each part of the secret."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("How your team calls it, such as “fab storage”.")
    )

    def __init__(self, kind: str, *args: Any, named: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not named:
            del self.fields["name"]
        self.kind = kind
        self.parts = SECRETS[kind].model_fields
        pasted = kind == Credential.Kind.KUBECONFIG
        if pasted:
            self.fields["kubeconfig"] = _field(
                Part(
                    _("kubeconfig"),
                    _("Paste a file, of which only the fields below are taken; or fill them in yourself."),
                    "pem",
                ),
                required=False,
                initial=None,
            )
        for name, part in self.parts.items():
            required = part.is_required()
            self.fields[name + "_part"] = _field(
                PARTS[kind][name],
                required=required and not pasted,
                initial=None if required else part.default,
            )

    def add_error(self, field: str | None, error: Any) -> None:
        """Show what is wrong with a part, which an action names as “part: …”, at its own field. What is wrong in a
        pasted file is said above.
        """
        if field is not None or not isinstance(error, list) or self.cleaned_data.get("kubeconfig"):
            super().add_error(field, error)
            return
        for text in error:
            name, colon, reason = str(text).partition(": ")
            known = colon and name + "_part" in self.fields
            super().add_error(name + "_part" if known else None, reason if known else text)

    @property
    def secret(self) -> dict[str, Any]:
        """The parts that were given."""
        if text := self.cleaned_data.get("kubeconfig"):
            return {"kubeconfig": text}
        given = {name: self.cleaned_data.get(name + "_part") for name in self.parts}
        return {name: value for name, value in given.items() if value not in (None, "")}


def _field(part: Part, *, required: bool, initial: Any) -> forms.Field:
    options: dict[str, Any] = {
        "label": part.label,
        "help_text": part.help,
        "required": required,
        "initial": initial,
    }
    plain = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
    match part.kind:
        case "port":
            return forms.IntegerField(min_value=1, max_value=65535, **options)
        case "engine":
            return forms.ChoiceField(choices=_ENGINES, **options)
        case "tls":
            return forms.ChoiceField(choices=_TLS, **options)
        case "check":
            return forms.BooleanField(**options | {"required": False})
        case "pem":
            widget: forms.Widget = forms.Textarea(attrs={**plain, "rows": 3, "class": "mono"})
            return forms.CharField(max_length=262_144, strip=True, widget=widget, **options)
        case "password":
            widget = forms.PasswordInput(attrs={**plain, "autocomplete": "new-password"})
            return forms.CharField(max_length=16_384, strip=False, widget=widget, **options)
    return forms.CharField(max_length=2048, strip=True, widget=forms.TextInput(attrs=plain), **options)


GRACES = [
    ("0", _("None: destroy it at once")),
    ("1", _("1 hour")),
    ("24", _("1 day")),
    ("168", _("7 days")),
    ("720", _("30 days")),
]


class SwitchForm(forms.Form):
    """When the old secret is destroyed; why an untested one is used all the same."""

    grace_hours = forms.TypedChoiceField(
        label=_("Keep the old secret, to go back to"), choices=GRACES, coerce=int, initial="24"
    )
    untested_reason = forms.CharField(
        label=_("Why it is used without a passed test"),
        max_length=REASON_LENGTH,
        required=False,
        help_text=_("Only where the test cannot pass from here. It is kept in the audit log."),
    )


class ReasonForm(forms.Form):
    """Why something dangerous is done."""

    reason = forms.CharField(
        label=_("Reason"),
        min_length=3,
        max_length=REASON_LENGTH,
        help_text=_("It is kept in the audit log."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
