"""What the matrix has to be told about a route: which thing to call it with, and what it asks for beyond its door.

A route inside a project whose address names a thing has an entry here, made by `@arguments(template)`: a function
that makes such a thing in a project and returns the path arguments. A route whose permission depends on the request
(a gateway) says which one to expect with `permissions`; one that asks for more than its declared permission says so
with `also`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from projects.models import Project
from tests.cast import Cast

Maker = Callable[[Cast, Project], dict[str, Any]]


@dataclass(frozen=True)
class Entry:
    """How to call one route. `body` is sent with unsafe methods; `query` is added to the address."""

    make: Maker
    permissions: dict[str, str] = field(default_factory=dict)
    also: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    query: str = ""
    # Methods that a viewer's role allows and that answer 404 for want of a thing rather than for want of a right.
    absent: frozenset[str] = frozenset()
    # Methods that only a person's session may use, having just proved who they are: a token is refused by that name.
    sessions_only: frozenset[str] = frozenset()


ENTRIES: dict[str, Entry] = {}


def arguments(
    *templates: str,
    permissions: dict[str, str] | None = None,
    also: dict[str, str] | None = None,
    body: dict[str, Any] | None = None,
    query: str = "",
    absent: frozenset[str] = frozenset(),
    sessions_only: frozenset[str] = frozenset(),
) -> Callable[[Maker], Maker]:
    """Register how to make the path arguments of these routes."""

    def keep(make: Maker) -> Maker:
        for template in templates:
            ENTRIES[template] = Entry(make, permissions or {}, also or {}, body, query, absent, sessions_only)
        return make

    return keep


# Routes outside every door, by what stands behind them: "open" to anybody, or "signed in" only. Whoever adds one
# says here why no door is needed.
OPEN: dict[str, str] = {
    "accounts.views.sign_in.sign_in": "open",
    "accounts.views.sign_in.sign_in_again": "signed in",
    "accounts.views.sign_in.sign_out": "open",  # signing out nobody does nothing
    "accounts.views.sign_in.password": "signed in",
    "accounts.views.profile.me": "signed in",
    "accounts.views.security.security": "signed in",
    "accounts.views.security.end_session": "signed in",
    "accounts.views.sign_in.second_step": "half signed in",
    "accounts.views.sign_in.passkey": "open",
    # Without a provider in the environment these are no pages: tests/signin/test_oidc.py tries them with one.
    "accounts.views.single.begin": "absent",
    "accounts.views.single.back": "absent",
    "accounts.views.single.connect": "signed in",
    "accounts.views.single.disconnect": "signed in",
    "accounts.views.factors.authenticator_app": "signed in",
    "accounts.views.factors.new_passkey": "signed in",
    "accounts.views.factors.remove_factor": "signed in",
    "accounts.views.factors.recovery_codes": "signed in",
    "django.views.i18n.set_language": "open",
    "drf_spectacular.views.SpectacularAPIView": "open",  # says what addresses there are, not what is in them
    "drf_spectacular.views.SpectacularSwaggerSplitView": "open",
}
