"""What may stand in a target's row: name, address, secret, certificate authority."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.crypto.certificates import check_certificates
from accounts.errors import Invalid
from accounts.outbound import check_host, check_url
from projects.forwarding.receivers import host_and_port
from projects.models import ForwardTarget

Kind = ForwardTarget.Kind
MOST_ADDRESSES = 5
SHORTEST_SECRET = 16


def wrong(field: str, message: str) -> Invalid:
    """The refusal of one field."""
    return Invalid(f"audit_forward.{field}", message, errors={field: [message]})


def _check_mail(address: str) -> str:
    found = [part.strip() for part in address.split(",") if part.strip()]
    try:
        for part in found:
            validate_email(part)
    except ValidationError:
        found = []
    if not 1 <= len(found) <= MOST_ADDRESSES:
        raise wrong(
            "address",
            _("Give one to %(most)d mail addresses with commas between them.") % {"most": MOST_ADDRESSES},
        )
    return ", ".join(found)


def check_address(kind: str, address: str) -> str:
    """Return the address as it is kept. Raises `Invalid`, and `Unprocessable` for what the portal does not call."""
    if kind == Kind.MAIL:
        return _check_mail(address)
    if kind == Kind.WEBHOOK:
        check_url(address)
        return address
    try:
        host, port = host_and_port(address)
    except ValueError:
        raise wrong(
            "address", _("The address must be a host and a port, such as logs.example.com:6514.")
        ) from None
    check_host(host, port, in_clear=kind == Kind.SYSLOG_TCP)
    return address


def check_name(name: str) -> str:
    """Return the name as it is kept. Raises `Invalid`."""
    name = " ".join(name.split())  # it stands in the subject of a mail, which takes no line break
    if not name:
        raise wrong("name", _("A target needs a name."))
    return name


@sensitive_variables("secret")
def check_secret(kind: str, secret: str) -> None:
    """Raise `Invalid` unless a webhook has a secret that is long enough, and nothing else has one."""
    if kind == Kind.WEBHOOK and len(secret) < SHORTEST_SECRET:
        raise wrong(
            "secret",
            _("What is posted is signed: give a secret of at least %(least)d characters.")
            % {"least": SHORTEST_SECRET},
        )
    if kind != Kind.WEBHOOK and secret:
        raise wrong("secret", _("Only a webhook has a secret."))


def check_authority(kind: str, authority: str) -> str:
    """Return the certificates as they are kept, empty for none. Raises `Invalid`."""
    if not authority.strip():
        return ""
    if kind not in (Kind.WEBHOOK, Kind.SYSLOG_TLS):
        raise wrong("authority", _("A certificate authority is for connections with TLS."))
    try:
        return check_certificates(authority.strip())
    except ValueError:
        raise wrong("authority", _("This holds no certificate in PEM.")) from None
