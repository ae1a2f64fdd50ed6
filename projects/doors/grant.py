"""What a door hands to the code behind it."""

from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Grant:
    """A resolved, immutable right to act in one project.

    `role` is what the actor acts as (a token may have less than its person). `via` is page, api, gateway, command or
    task. `run_id` is the MLflow run that a run-scoped token is bound to, `workload_id` its workload.
    `break_glass_id` marks a platform admin who is no member. Where a robot acts, or a workload of its, `user_id` is the
    robot's id and `robot_id` says so: `person_id` is nobody. `held_role` is the role of a token's person or robot.
    """

    actor: Actor
    user_id: UUID
    account_id: UUID
    slug: str
    project_name: str
    role: str
    permissions: frozenset[str]
    via: str
    token_id: UUID | None = None
    run_id: str = ""
    workload_id: UUID | None = None
    break_glass_id: UUID | None = None
    robot_id: UUID | None = None
    held_role: str = ""

    @property
    def own_role(self) -> str:
        """The role of whom this acts for, whatever role their token names; empty for who is no member any more."""
        return self.role if self.token_id is None else self.held_role

    @property
    def person_id(self) -> UUID | None:
        """The person who acts, or on whose behalf it is done; None where that is a robot."""
        return None if self.robot_id is not None else self.user_id

    def can(self, permission: str) -> bool:
        """Whether the actor holds this permission here."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise `Forbidden`, naming the permission, unless the actor holds it."""
        if not self.can(permission):
            raise Forbidden(
                "permission.missing",
                _(
                    "This needs the permission “%(permission)s”, which your role here (%(role)s) lacks. "
                    "Ask an owner of the project."
                )
                % {"permission": permission, "role": self.role},
                permission=permission,
            )
