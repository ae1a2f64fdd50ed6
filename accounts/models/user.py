"""People who sign in."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7


class PlatformRole(models.TextChoices):
    """What a person may do on the platform itself; projects have roles of their own."""

    MEMBER = "member", _("Member")
    ADMIN = "admin", _("Platform admin")
    AUDITOR = "auditor", _("Platform auditor")


class Language(models.TextChoices):
    """The languages that pages speak, each called by its own name."""

    ENGLISH = "en", "English"
    KOREAN = "ko", "한국어"


class Theme(models.TextChoices):
    """Light or dark, or as the person's system says."""

    SYSTEM = "system", _("As the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class UserManager(BaseUserManager["User"]):
    """Finds people by username, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username__iexact=username)


class User(AbstractBaseUser):
    """A person. Not a tenant's row: one person may be a member of many projects."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    username = models.CharField(
        _("Username"),
        max_length=64,
        unique=True,
        error_messages={"unique": _("This username is taken.")},
        validators=[
            RegexValidator(
                r"\A[a-z0-9][a-z0-9._-]*\Z", _("Use lower-case letters, digits, dot, underscore and hyphen.")
            )
        ],
    )
    name = models.CharField(_("Name"), max_length=120, blank=True)
    email = models.EmailField(_("Email"), blank=True)
    platform_role = models.CharField(
        _("Platform role"), max_length=16, choices=PlatformRole, default=PlatformRole.MEMBER
    )
    language = models.CharField(_("Language"), max_length=8, choices=Language, default=Language.ENGLISH)
    theme = models.CharField(_("Theme"), max_length=8, choices=Theme, default=Theme.SYSTEM)
    must_change_password = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    # Since when an authenticator app or a passkey is asked for; kept by accounts.actions.factors.
    second_factor_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(platform_role__in=[role.value for role in PlatformRole]),
                name="accounts_user_platform_role",
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries and lists call this person."""
        return self.username

    def get_full_name(self) -> str:
        return self.name or self.username
