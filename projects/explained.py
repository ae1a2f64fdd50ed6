"""What each permission means, in words for people who have not read a manual."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from projects.permissions import Permission

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

P = Permission
MEANINGS: dict[str, "_StrPromise"] = {
    P.PROJECT_READ: _("Enter the project"),
    P.PROJECT_UPDATE: _("Rename and describe the project"),
    P.MEMBER_READ: _("See who works here"),
    P.MEMBER_MANAGE: _("Add and remove members, change their roles"),
    P.TOKEN_USE: _("Make and revoke one's own tokens"),
    P.TOKEN_MANAGE: _("See and revoke everybody's tokens"),
    P.CREDENTIAL_READ: _("See which credentials there are, never their secrets"),
    P.CREDENTIAL_MANAGE: _("Add, replace and forget credentials"),
    P.CREDENTIAL_REVEAL: _("Read a credential's secret, with a reason, on record"),
    P.KEY_ROTATE: _("Give the account a new version of its protection key"),
    P.LINK_READ: _("See links to other accounts"),
    P.LINK_MANAGE: _("Offer, approve and revoke links to other accounts"),
    P.AUDIT_READ: _("Read the project's audit log"),
    P.APPROVAL_ASK: _("Ask for access and decisions"),
    P.APPROVAL_DECIDE: _("Decide on promotions and other requests"),
    P.ACCESS_DECIDE: _("Decide who gets access, and to which data"),
    P.ROLE_MANAGE: _("Make the project's own roles"),
    P.WEBHOOK_READ: _("See where notices are posted to"),
    P.WEBHOOK_MANAGE: _("Add and remove webhooks"),
    P.OPERATION_READ: _("See what is being done"),
    P.DATASET_READ: _("See datasets, their files and columns"),
    P.DATASET_PREVIEW: _("See rows of datasets"),
    P.DATASET_DOWNLOAD: _("Download datasets and train on them"),
    P.DATASET_WRITE: _("Make datasets and upload into them"),
    P.DATASET_DELETE: _("Delete datasets"),
    P.TRAINING_READ: _("See training jobs and their logs"),
    P.TRAINING_WRITE: _("Make training projects"),
    P.TRAINING_LAUNCH: _("Launch and stop training jobs"),
    P.MLFLOW_READ: _("See experiments and runs"),
    P.MLFLOW_WRITE: _("Log and change experiments and runs"),
    P.MODEL_READ: _("See models"),
    P.MODEL_WRITE: _("Register models and set aliases"),
    P.MODEL_PROMOTE: _("Ask for protected aliases to be moved"),
    P.MODEL_PROTECT: _("Say which aliases are protected"),
    P.ENDPOINT_READ: _("See endpoints"),
    P.ENDPOINT_MANAGE: _("Deploy, start and stop endpoints"),
    P.ENDPOINT_INVOKE: _("Send requests to endpoints"),
    P.CLUSTER_READ: _("See clusters"),
}


def explained(permission: str) -> str:
    """What holding a permission means."""
    return str(MEANINGS.get(permission, permission))
