"""Who may do what in a project: one table, read by doors, pages, the API and tasks alike.

A permission is `<thing>.<verb>`. A role is a set of permissions. An owner may do everything.
"""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """A person's role in one project."""

    OWNER = "owner", _("Owner")
    MAINTAINER = "maintainer", _("Maintainer")
    SCIENTIST = "scientist", _("Scientist")
    OPERATOR = "operator", _("Operator")
    STEWARD = "steward", _("Steward")
    VIEWER = "viewer", _("Viewer")


class Permission(StrEnum):
    """Every permission that a door can ask for."""

    PROJECT_READ = "project.read"
    PROJECT_UPDATE = "project.update"
    MEMBER_READ = "member.read"
    MEMBER_MANAGE = "member.manage"
    TOKEN_USE = "token.use"  # noqa: S105  # a permission, not a secret
    TOKEN_MANAGE = "token.manage"  # noqa: S105
    CREDENTIAL_READ = "credential.read"
    CREDENTIAL_MANAGE = "credential.manage"
    CREDENTIAL_REVEAL = "credential.reveal"
    KEY_ROTATE = "key.rotate"
    LINK_READ = "link.read"
    LINK_MANAGE = "link.manage"
    AUDIT_READ = "audit.read"
    APPROVAL_ASK = "approval.ask"
    APPROVAL_DECIDE = "approval.decide"
    ACCESS_DECIDE = "access.decide"
    ROLE_MANAGE = "role.manage"
    WEBHOOK_READ = "webhook.read"
    WEBHOOK_MANAGE = "webhook.manage"
    OPERATION_READ = "operation.read"
    DATASET_READ = "dataset.read"
    DATASET_PREVIEW = "dataset.preview"
    DATASET_DOWNLOAD = "dataset.download"
    DATASET_WRITE = "dataset.write"
    DATASET_DELETE = "dataset.delete"
    TRAINING_READ = "training.read"
    TRAINING_WRITE = "training.write"
    TRAINING_LAUNCH = "training.launch"
    MLFLOW_READ = "mlflow.read"
    MLFLOW_WRITE = "mlflow.write"
    MODEL_READ = "model.read"
    MODEL_WRITE = "model.write"
    MODEL_PROMOTE = "model.promote"
    MODEL_PROTECT = "model.protect"
    ENDPOINT_READ = "endpoint.read"
    ENDPOINT_MANAGE = "endpoint.manage"
    ENDPOINT_INVOKE = "endpoint.invoke"
    CLUSTER_READ = "cluster.read"


# For serializers and forms: permissions are called by their own names, in every language.
PERMISSION_CHOICES = [(permission.value, permission.value) for permission in Permission]

P = Permission

_READ = frozenset(
    {
        P.PROJECT_READ,
        P.MEMBER_READ,
        P.TOKEN_USE,
        P.APPROVAL_ASK,
        P.OPERATION_READ,
        P.DATASET_READ,
        P.TRAINING_READ,
        P.MLFLOW_READ,
        P.MODEL_READ,
        P.ENDPOINT_READ,
        P.CLUSTER_READ,
    }
)
_SCIENCE = frozenset(
    {
        P.DATASET_PREVIEW,
        P.DATASET_DOWNLOAD,
        P.DATASET_WRITE,
        P.TRAINING_WRITE,
        P.TRAINING_LAUNCH,
        P.MLFLOW_WRITE,
        P.MODEL_WRITE,
        P.MODEL_PROMOTE,
        P.ENDPOINT_INVOKE,
    }
)
_OPERATE = frozenset({P.TRAINING_LAUNCH, P.ENDPOINT_MANAGE, P.ENDPOINT_INVOKE})
_MAINTAIN = frozenset(
    {
        P.PROJECT_UPDATE,
        P.DATASET_DELETE,
        P.MODEL_PROTECT,
        P.TOKEN_MANAGE,
        P.CREDENTIAL_READ,
        P.LINK_READ,
        P.AUDIT_READ,
        P.APPROVAL_DECIDE,
        P.WEBHOOK_READ,
        P.WEBHOOK_MANAGE,
    }
)

ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.MAINTAINER: _READ | _SCIENCE | _OPERATE | _MAINTAIN,
    Role.SCIENTIST: _READ | _SCIENCE,
    Role.OPERATOR: _READ | _OPERATE,
    Role.STEWARD: _READ | {P.AUDIT_READ, P.LINK_READ, P.DATASET_PREVIEW, P.ACCESS_DECIDE},
    Role.VIEWER: _READ,
}

# Who decides on access to data may grant these without holding them: a steward reads no file, but says who does.
DATA_PERMISSIONS = frozenset({P.DATASET_READ, P.DATASET_PREVIEW, P.DATASET_DOWNLOAD, P.DATASET_WRITE})
# What is never granted for a time: whoever needs these needs a role. They would let their bearer grant the rest.
ROLE_ONLY = frozenset({P.MEMBER_MANAGE, P.ROLE_MANAGE, P.ACCESS_DECIDE, P.APPROVAL_DECIDE})

# What a robot never may, whatever its role: decide for people, say who may what, or read a secret. Taken away when it
# calls, not only when it is made. Asking is among them: whoever holds its token could ask, and then decide as a second
# person.
ROBOT_NEVER = frozenset(
    {
        P.MEMBER_MANAGE,
        P.ROLE_MANAGE,
        P.TOKEN_USE,
        P.TOKEN_MANAGE,
        P.CREDENTIAL_REVEAL,
        P.CREDENTIAL_MANAGE,
        P.LINK_MANAGE,
        P.APPROVAL_ASK,
        P.APPROVAL_DECIDE,
        P.ACCESS_DECIDE,
        P.MODEL_PROMOTE,
        P.MODEL_PROTECT,
    }
)

# What code running inside a training job may do with its run-scoped token: track its own run, read its data.
RUN_PERMISSIONS = frozenset({P.MLFLOW_READ, P.MLFLOW_WRITE, P.MODEL_READ, P.DATASET_READ, P.DATASET_DOWNLOAD})
# What a model server may do: read the model that it serves.
SERVING_PERMISSIONS = frozenset({P.MLFLOW_READ, P.MODEL_READ})


# What a platform admin may do in a project by break-glass: look at how it runs, and, where that was asked for, put it
# back on its feet. Never data: no rows, no files, no secrets, no predictions.
BREAK_GLASS = "break-glass"
BREAK_GLASS_LOOK = (_READ - {P.TOKEN_USE, P.APPROVAL_ASK}) | {
    P.AUDIT_READ,
    P.CREDENTIAL_READ,
    P.LINK_READ,
    P.WEBHOOK_READ,
}
BREAK_GLASS_REPAIR = BREAK_GLASS_LOOK | {
    P.PROJECT_UPDATE,
    P.MEMBER_MANAGE,
    P.TOKEN_MANAGE,
    P.ENDPOINT_MANAGE,
    P.WEBHOOK_MANAGE,
}


def permissions_of(role: str) -> frozenset[Permission]:
    """Return what a role may do; an unknown role may do nothing."""
    return ROLE_PERMISSIONS.get(role, frozenset())
