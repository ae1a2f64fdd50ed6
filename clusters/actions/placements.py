"""An account's place on a cluster."""

from django.db import connection
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict
from accounts.tenancy import require_account
from clusters.models import Cluster, Placement


def local_cluster() -> Cluster:
    """The portal's own machine."""
    return Cluster.objects.get(kind=Cluster.Kind.LOCAL)


def place(cluster: Cluster | None = None) -> Placement:
    """Return the place of the account in scope on a cluster (the local one), making it at first use.

    Raises `Conflict` where that machine cannot wall workloads off from each other and serves another account
    already.
    """
    cluster = cluster or local_cluster()
    found: Placement | None = Placement.objects.filter(cluster=cluster).select_related("cluster").first()
    if found is not None:
        return found
    if cluster.isolated is False:
        with connection.cursor() as cursor:
            # One at a time, or two accounts could both find the machine free.
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtext('clusters.place'), hashtext(%s))", [str(cluster.pk)]
            )
            cursor.execute("SELECT cluster_serves_another(%s)", [cluster.pk])
            if cursor.fetchone()[0]:
                raise Conflict(
                    "cluster.not_isolated",
                    _(
                        "Workloads on this machine are not isolated from each other, so it serves one "
                        "account only, and that place is taken. Ask the people who run the portal to allow "
                        "user namespaces, or use a cluster."
                    ),
                )
    placement: Placement
    placement, made = Placement.objects.get_or_create(
        cluster=cluster, defaults={"namespace": f"a-{require_account().hex[-12:]}"}
    )
    if made:
        audit.record("cluster.place", audit.Target("cluster", str(cluster.pk), cluster.label))
    return placement
