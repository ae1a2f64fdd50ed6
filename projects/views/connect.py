"""Connect: the lines to paste into a terminal, and a light that goes on when the first call arrives."""

from typing import ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.models import Token


def arrived(grant: Grant) -> Token | None:
    """Return the token of this person that was used last, or None while no call has arrived."""
    used = Token.objects.filter(user_id=grant.user_id, purpose=Token.Purpose.USER, last_used_at__isnull=False)
    token: Token | None = used.order_by("-last_used_at").first()
    return token


class ConnectPage(ProjectView):
    """Six lines: an address, a token, a run logged by stock MLflow, data read by URL."""

    actions: ClassVar[dict[str, str]] = {"get": "project.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        base = f"{settings.BASE_URL}/api/v1/projects/{grant.slug}"
        header = '-H "Authorization: Bearer $MLFLOW_TRACKING_TOKEN"'
        context = {
            "mlflow_lines": "\n".join(
                (
                    "pip install mlflow-skinny",
                    f"export MLFLOW_TRACKING_URI={base}/mlflow",
                    "export MLFLOW_TRACKING_TOKEN=mlp_…",
                    "python -c \"import mlflow; mlflow.set_experiment('hello'); mlflow.log_metric('answer', 42)\"",
                )
            ),
            "data_lines": "\n".join(
                (
                    f"curl -fsS {header} {base}/datasets",
                    'python -c "import os, pandas;'
                    f" print(pandas.read_csv('{base}/datasets/NAME/versions/1/files/FILE.csv',"
                    " storage_options={'Authorization': 'Bearer ' + os.environ['MLFLOW_TRACKING_TOKEN']}))\"",
                )
            ),
            "token": arrived(grant),
            "base": base,
        }
        return self.page(request, "projects/connect.html", context)


class ConnectStatus(ProjectView):
    """The light alone, asked for again every few seconds while it is off."""

    actions: ClassVar[dict[str, str]] = {"get": "project.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self.page(request, "projects/partials/connect_status.html", {"token": arrived(grant)})
