"""Searches of the audit log, kept under a name: one's own, or shared with whoever may search there."""

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import PlatformRole, User
from projects.doors.grant import Grant
from projects.models import RoomSearch, SavedSearch, Search
from projects.permissions import Permission

NAME_LENGTH = 60
# A list that nobody reads through helps nobody.
MOST = 50
_no_nul = ProhibitNullCharactersValidator()


def filters_of(form: forms.Form) -> dict[str, str]:
    """Return the filters in use, as the form was given them. Raises `Invalid` for what the form does not understand,
    for other names, and where nothing is asked for.
    """
    unknown = sorted(set(form.data) - set(form.fields))
    if unknown or not form.is_valid():
        errors = {name: [str(text) for text in texts] for name, texts in form.errors.items()}
        errors |= {name: [_("There is no such filter.")] for name in unknown}
        raise Invalid(
            "search.filters",
            _("These filters are not valid: %(names)s.") % {"names": ", ".join(errors)},
            errors={"filters": [f"{name}: {' '.join(texts)}" for name, texts in errors.items()]},
        )
    used = {name: str(form.data[name]).strip() for name in form.fields if form.data.get(name)}
    found = {name: text for name, text in used.items() if text}
    if not found:
        message = _("Filter first: there is nothing to save.")
        raise Invalid("search.empty", message, errors={"filters": [message]})
    return found


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= NAME_LENGTH:
        message = _("A name has 1 to %(count)d characters.") % {"count": NAME_LENGTH}
        raise Invalid("search.name", message, errors={"name": [message]})
    try:
        _no_nul(name)
    except ValidationError as error:
        raise Invalid("search.name", str(error.message), errors={"name": error.messages}) from None
    return name


def _keep(search: Search, own: QuerySet[Any]) -> None:
    if own.count() >= MOST:
        raise Conflict("search.many", _("You have %(count)d searches. Delete one first.") % {"count": MOST})
    try:
        with transaction.atomic():
            search.save(force_insert=True)
    except IntegrityError:
        message = _("You have a search “%(name)s” already.") % {"name": search.name}
        raise Conflict("search.exists", message, errors={"name": [message]}) from None
    audit.record("search.save", search, detail={"filters": search.filters, "shared": search.shared})


def visible_searches(grant: Grant) -> QuerySet[SavedSearch]:
    """The searches that somebody sees in the project in scope: their own, and what others share."""
    rows: QuerySet[SavedSearch] = SavedSearch.objects.filter(Q(shared=True) | Q(owner_id=grant.person_id))
    return rows.order_by("name", "pk")


def save_search(grant: Grant, name: str, form: forms.Form, *, shared: bool = False) -> SavedSearch:
    """Keep a search of the project's log. Raises `Invalid`, `Conflict` for a name that one uses already, `Forbidden`
    for whoever is no member.
    """
    if grant.person_id is None or grant.break_glass_id is not None:
        raise Forbidden("search.member", _("Only members keep searches here."))
    search = SavedSearch(
        name=_named(name),
        filters=filters_of(form),
        shared=shared,
        owner_id=grant.person_id,
        owner_label=grant.actor.person[:160],
    )
    _keep(search, SavedSearch.objects.filter(owner_id=grant.person_id))
    return search


def delete_search(grant: Grant, pk: UUID) -> None:
    """Forget a search: one's own; who manages members, also what others share. Raises `NotFound`."""
    own = Q(owner_id=grant.person_id)
    if grant.can(Permission.MEMBER_MANAGE):
        own |= Q(shared=True)
    _forget(SavedSearch.objects.filter(own, pk=pk).first())


def visible_in_room(user_id: UUID) -> QuerySet[RoomSearch]:
    """The searches that an auditor sees: their own, and what others share."""
    return RoomSearch.objects.filter(Q(shared=True) | Q(owner_id=user_id)).order_by("name", "pk")


def save_room_search(user: User, name: str, form: forms.Form, *, shared: bool = False) -> RoomSearch:
    """Keep an auditor's search of every account's log. Raises `Invalid`, `Conflict`."""
    search = RoomSearch(
        name=_named(name), filters=filters_of(form), shared=shared, owner=user, owner_label=user.label[:160]
    )
    _keep(search, RoomSearch.objects.filter(owner=user))
    return search


def delete_room_search(user_id: UUID, pk: UUID) -> None:
    """Forget an auditor's search: one's own, or a shared one of somebody who audits no more. Raises `NotFound`."""
    gone = Q(shared=True) & ~Q(owner__platform_role=PlatformRole.AUDITOR, owner__is_active=True)
    _forget(RoomSearch.objects.filter(gone | Q(owner_id=user_id), pk=pk).first())


def _forget(search: Search | None) -> None:
    if search is None:
        raise NotFound("search.not_found", _("You have no such search."))
    audit.record("search.delete", search, detail={"filters": search.filters, "shared": search.shared})
    search.delete()
