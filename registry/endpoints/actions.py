"""What people do with endpoints: make, deploy to, stop, start, remove."""

from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Target
from accounts.errors import Conflict, Invalid, NotFound
from clusters.actions import find_workload, restart_workload, stop_workload
from clusters.models import Workload
from clusters.states import ENDED
from projects import operations
from projects.doors import Grant
from projects.models import Operation
from projects.permissions import Permission
from registry.mlflow.client import Mlflow
from registry.mlflow.entities import ModelVersion
from registry.models import Endpoint, Revision

KIND = "endpoint.deploy"
OWNER = "revision"


def find_endpoint(name: str, *, lock: bool = False) -> Endpoint:
    """Return an endpoint by name; raises `NotFound`."""
    rows = Endpoint.objects.select_for_update(of=("self",)) if lock else Endpoint.objects.get_queryset()
    found: Endpoint | None = rows.select_related("active").filter(name=name).first()
    if found is None:
        raise NotFound("endpoint.not_found", _("There is no endpoint “%(name)s” here.") % {"name": name[:80]})
    return found


def workload_of(revision: Revision) -> Workload | None:
    """Return what runs for a revision, None where it never ran."""
    return find_workload(OWNER, revision.pk)


def resolve_model(grant: Grant, model: str, version: int | None, alias: str) -> ModelVersion:
    """Return the model version that a number or an alias means; raises `NotFound` or `Invalid`."""
    mlflow = Mlflow(grant.account_id)
    if (version is None) == (not alias):
        message = _("Name either a version or an alias.")
        raise Invalid("endpoint.model_version", message, errors={"version": [message]})
    return mlflow.version(model, version) if version is not None else mlflow.version_by_alias(model, alias)


def create_endpoint(grant: Grant, name: str, description: str = "") -> Endpoint:
    """Make an endpoint that serves nothing yet. Raises `Invalid` for a bad name, `Conflict` for one that is taken."""
    if Endpoint.objects.filter(name=name).exists():
        raise Conflict("endpoint.exists", _("There is an endpoint “%(name)s” already.") % {"name": name})
    endpoint = Endpoint(name=name, description=description, created_by_label=grant.actor.person)
    try:
        endpoint.clean_fields(exclude=["account", "active"])
    except ValidationError as error:
        reasons = " ".join(message for messages in error.message_dict.values() for message in messages)
        raise Invalid("endpoint.invalid", reasons, errors=error.message_dict) from None
    endpoint.save(force_insert=True)
    audit.record("endpoint.create", endpoint)
    return endpoint


def deploy(grant: Grant, endpoint: Endpoint, model: ModelVersion, *, idempotency_key: str = "") -> Operation:
    """Deploy a model version as the endpoint's next revision. The one before answers until the new one is ready."""
    endpoint = find_endpoint(endpoint.name, lock=True)
    pending = Revision.objects.filter(endpoint=endpoint, state=Revision.State.PENDING).first()
    request = {"endpoint": str(endpoint.pk), "model": model.name, "version": model.version}
    if pending is not None and not idempotency_key:
        raise Conflict(
            "endpoint.busy",
            _("Revision %(number)d of “%(name)s” is starting already. Wait for it, or cancel it.")
            % {"number": pending.number, "name": endpoint.name},
        )
    last = Revision.objects.filter(endpoint=endpoint).aggregate(last=Max("number"))["last"] or 0
    revision = Revision(
        endpoint=endpoint,
        number=last + 1,
        model_name=model.name,
        model_version=model.version,
        run_id=model.run_id,
        user_id=grant.user_id,
        created_by_label=grant.actor.person,
    )
    operation = operations.submit(
        KIND,
        target=Target("endpoint", str(endpoint.pk), revision.label),
        payload={"revision": str(revision.pk)},
        grant=grant,
        permission=Permission.ENDPOINT_MANAGE,
        idempotency_key=idempotency_key,
        request=request,
    )
    if operation.payload["revision"] != str(revision.pk):
        return operation  # the same key: the same deployment
    revision.operation_id = operation.pk
    revision.save(force_insert=True)
    Endpoint.objects.filter(pk=endpoint.pk).update(desired=Endpoint.Desired.RUNNING)
    audit.record("endpoint.deploy", revision, detail={"model": model.name, "version": model.version})
    return operation


def retry_operation(operation: Operation, grant: Grant) -> Operation:
    """Deploy the same model version again, as a revision of its own."""
    revision = Revision.objects.select_related("endpoint").get(pk=operation.payload["revision"])
    version = Mlflow(grant.account_id).version(revision.model_name, revision.model_version)
    return deploy(grant, revision.endpoint, version)


def stop(grant: Grant, endpoint: Endpoint) -> Endpoint:
    """Stop answering, until it is started again. Raises `Conflict` where it is stopped already."""
    endpoint = find_endpoint(endpoint.name, lock=True)
    if endpoint.desired == Endpoint.Desired.STOPPED:
        raise Conflict("endpoint.stopped", _("“%(name)s” is stopped already.") % {"name": endpoint.name})
    endpoint.desired = Endpoint.Desired.STOPPED
    endpoint.save(update_fields=["desired"])
    for revision in Revision.objects.filter(endpoint=endpoint).exclude(state=Revision.State.RETIRED):
        workload = workload_of(revision)
        if workload is not None:
            stop_workload(workload)
    audit.record("endpoint.stop", endpoint)
    return endpoint


def start(grant: Grant, endpoint: Endpoint) -> Endpoint:
    """Start the active revision again. Raises `Conflict` where it runs, or was never deployed to."""
    endpoint = find_endpoint(endpoint.name, lock=True)
    if endpoint.active is None:
        raise Conflict(
            "endpoint.empty", _("“%(name)s” has no model yet: deploy one first.") % {"name": endpoint.name}
        )
    workload = workload_of(endpoint.active)
    if endpoint.desired == Endpoint.Desired.RUNNING and workload is not None and workload.phase not in ENDED:
        raise Conflict("endpoint.running", _("“%(name)s” is running already.") % {"name": endpoint.name})
    endpoint.desired = Endpoint.Desired.RUNNING
    endpoint.save(update_fields=["desired"])
    if workload is not None:
        restart_workload(workload)
    audit.record("endpoint.start", endpoint)
    return endpoint


def remove(grant: Grant, endpoint: Endpoint) -> None:
    """Remove a stopped endpoint with its revisions. Raises `Conflict` while something of it runs."""
    endpoint = find_endpoint(endpoint.name, lock=True)
    for revision in Revision.objects.filter(endpoint=endpoint):
        workload = workload_of(revision)
        if workload is not None and workload.phase not in ENDED:
            raise Conflict(
                "endpoint.running",
                _("“%(name)s” is still running. Stop it first, and remove it when it has stopped.")
                % {"name": endpoint.name},
            )
    audit.record("endpoint.delete", endpoint)
    Endpoint.objects.filter(pk=endpoint.pk).update(active=None)
    endpoint.delete()
