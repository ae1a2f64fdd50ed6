"""The one error of everything that is sealed."""

from django.utils.translation import gettext as _

from accounts.errors import PortalError


class SealError(PortalError):
    """A sealed value does not open, or cannot be sealed, here.

    Unknown scheme, wrong or missing key, changed bit, moved ciphertext: all of them are this, word for
    word, so that nobody learns from the answer which it was.
    """

    def __init__(self) -> None:
        super().__init__(
            "crypto.sealed",
            _("A protected value could not be opened. Ask the people who run the portal to check its keys."),
        )
