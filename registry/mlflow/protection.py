"""Protected aliases, where anything would move one: the gateway, the API and the pages ask here first."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.errors import Forbidden, NotFound
from projects.doors.grant import Grant
from registry.mlflow import guards
from registry.mlflow.client import Mlflow
from registry.mlflow.entities import RegisteredModel
from registry.mlflow.routes import V2, Drops
from registry.mlflow.transport import get_json
from registry.models import Promotion, ProtectedAlias


@dataclass(frozen=True, slots=True)
class Touched:
    """What a call would move or lose: these aliases, under any of these names of the model."""

    names: tuple[str, ...]
    aliases: frozenset[str]
    version: str = ""


def protected_among(names: Iterable[str], aliases: Iterable[str]) -> set[str]:
    """Return which of a model's aliases are protected, under any of its names; in the account's scope."""
    rows = ProtectedAlias.objects.filter(alias__in=list(aliases), model__in=["", *names])
    return set(rows.values_list("alias", flat=True))


def ask_at(slug: str, model: str, alias: str, version: str = "") -> str:
    """The address of the page where a promotion is asked for."""
    query = urlencode({"alias": alias, **({"version": version} if version else {})})
    return f"{settings.BASE_URL}/projects/{slug}/models/{quote(model, safe='')}/promote/?{query}"


def require_free(grant: Grant, touched: Touched) -> None:
    """Raise `Forbidden`, which says where to ask, if any of these aliases is protected; in the account's scope."""
    found = sorted(protected_among(touched.names, touched.aliases))
    if not found:
        return
    raise Forbidden(
        "model.alias_protected",
        _(
            "Nothing was changed: “%(model)s” has the protected alias “%(alias)s”, which moves only when another "
            "person approves. Ask for a promotion at %(url)s, or with POST /api/v1/projects/%(slug)s/promotions."
        )
        % {
            "model": touched.names[0],
            "alias": found[0],
            "slug": grant.slug,
            "url": ask_at(grant.slug, touched.names[0], found[0], touched.version),
        },
        aliases=found,
    )


def require_loose(grant: Grant, path: str) -> None:
    """Raise `Forbidden` for a file, or a folder above files, of a version that was promoted to a protected alias, or
    that waits to be: what a second person agreed to is what the alias means. In the account's scope.

    `path` is a checked place below the artifact folder.
    """
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    below = json.dumps(f"{path}/", ensure_ascii=False)[:-1]
    for side in ("challenger", "current"):
        # An element of the list is one of these, or begins with that, as JSON writes it.
        kept = Q(**{f"evidence__{side}__folders__has_any_keys": above})
        kept |= Q(**{f"evidence__{side}__folders__icontains": below})
        for promotion in Promotion.objects.filter(kept).select_related("request", "operation"):
            version = promotion.version if side == "challenger" else promotion.from_version
            if version is not None and _held(promotion, version):
                raise Forbidden(
                    "model.files_protected",
                    _(
                        "Nothing was changed: “%(path)s” belongs to version %(version)d of “%(model)s”, which was "
                        "promoted to the protected alias “%(alias)s”, or asked to be. Log a new model."
                    )
                    % {
                        "path": path.rpartition("/")[2][:200],
                        "version": version,
                        "model": promotion.model,
                        "alias": promotion.alias,
                    },
                )


def _held(promotion: Promotion, version: int) -> bool:
    """Whether a promotion is under way, or its alias is still protected and points to that version."""
    if promotion.state in (Promotion.State.WAITING, Promotion.State.MOVING):
        return True
    if not protected_among([promotion.model], [promotion.alias]):
        return False
    try:
        return Mlflow(promotion.account_id).model(promotion.model).aliases.get(promotion.alias) == version
    except NotFound:
        return False


async def touched_by(grant: Grant, drops: Drops, body: Mapping[str, Any]) -> Touched:
    """Return what a call to MLflow's registry would move or lose."""
    name = guards.text(body, "name")
    if drops is Drops.ALIAS:
        version = str(guards.field(body, "version") or "")
        return Touched((name,), frozenset({guards.text(body, "alias")}), version[:20])
    found = await get_json(grant.account_id, f"{V2}/registered-models/get", name=name)
    if found is None:
        return Touched((name,), frozenset())
    aliases = RegisteredModel.of(found["registered_model"]).aliases
    if drops is Drops.VERSION:
        number = _number(guards.field(body, "version"))
        return Touched(
            (name,), frozenset(a for a, points_to in aliases.items() if number in (None, points_to))
        )
    names = (name, guards.text(body, "new_name")) if drops is Drops.RENAMED else (name,)
    return Touched(names, frozenset(aliases))


def _number(version: Any) -> int | None:
    """A version's number as MLflow reads it (“01” is 1); None for what is none: then every alias counts."""
    try:
        return int(str(version))
    except ValueError:
        return None
