"""Forms of the personal pages."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import Language, Theme, User

# Argon2 hashes whatever it is given: an endless password would be an endless request.
PASSWORD_LENGTH = 256


class SignInForm(forms.Form):
    """Who, and the proof of it."""

    username = forms.CharField(
        label=_("Username"),
        max_length=64,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=PASSWORD_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class SignInAgainForm(forms.Form):
    """The password once more."""

    password = forms.CharField(
        label=_("Password"),
        max_length=PASSWORD_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


class CodeForm(forms.Form):
    """A code of an authenticator app, or a recovery code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=32,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "text",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )


class AppCodeForm(forms.Form):
    """The six digits that an authenticator app shows."""

    code = forms.RegexField(
        r"\A\s*\d{3}\s?\d{3}\s*\Z",
        label=_("Code that the app shows"),
        max_length=16,
        error_messages={"invalid": _("The code has six digits.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
        ),
    )

    def clean_code(self) -> str:
        """Without the spaces."""
        return "".join(str(self.cleaned_data["code"]).split())


class PasskeyForm(forms.Form):
    """A passkey's answer, as the browser gives it; and what to call a new one."""

    credential = forms.CharField(max_length=16_384, widget=forms.HiddenInput)
    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        required=False,
        help_text=_("What you will know it by: this laptop, the blue key."),
    )


class FactorForm(forms.Form):
    """Which second factor."""

    factor = forms.UUIDField()


class IdentityForm(forms.Form):
    """Which account elsewhere."""

    identity = forms.UUIDField()


class PasswordForm(forms.Form):
    """A new password, twice, and the current one unless that was a one-time password."""

    current = forms.CharField(
        label=_("Current password"),
        max_length=PASSWORD_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    password = forms.CharField(
        label=_("New password"),
        max_length=PASSWORD_LENGTH,
        strip=False,
        help_text=_(
            "At least 12 characters. A sentence that you remember is better than a word with symbols."
        ),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("New password again"),
        max_length=PASSWORD_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        if user.must_change_password:
            del self.fields["current"]

    def clean(self) -> dict[str, Any]:
        """Check that both are the same, and good enough."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        password, again = cleaned.get("password"), cleaned.get("again")
        if password and again and password != again:
            self.add_error("again", _("The two passwords differ."))
        elif password and password == cleaned.get("current"):
            self.add_error("password", _("This is your current password."))
        elif password and self.user.must_change_password and self.user.check_password(password):
            self.add_error("password", _("This is the one-time password. Choose one of your own."))
        elif password:
            try:
                validate_password(password, self.user)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned


class EndSessionForm(forms.Form):
    """Which session to end; none means every other one."""

    session = forms.UUIDField(required=False)


class ProfileForm(forms.Form):
    """How a person is called, and how pages look to them."""

    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=_("Email"),
        max_length=254,
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    language = forms.ChoiceField(label=_("Language"), choices=Language.choices)
    theme = forms.ChoiceField(label=_("Theme"), choices=Theme.choices, widget=forms.RadioSelect)
