"""The endpoints API. Predictions go through `registry.endpoints.gateway`."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from projects.doors.api import ProjectViewSet
from projects.doors.schema import IDEMPOTENCY_PARAMETER
from projects.doors.strict import PageQuery, QuerySerializer, idempotency_key
from registry.endpoints import actions
from registry.endpoints.log import read_log
from registry.endpoints.serializers import (
    DeploymentSerializer,
    DeploySerializer,
    EndpointCreateSerializer,
    EndpointSerializer,
    RevisionSerializer,
)
from registry.logs import LogQuery, LogSerializer
from registry.models import Endpoint, Revision


class EndpointViewSet(ProjectViewSet):
    """Endpoints: models that answer."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "endpoint.read",
        "create": "endpoint.manage",
        "retrieve": "endpoint.read",
        "destroy": "endpoint.manage",
        "revisions": "endpoint.read",
        "deploy": "endpoint.manage",
        "start": "endpoint.manage",
        "stop": "endpoint.manage",
        "log": "endpoint.read",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]]] = {
        "list": PageQuery,
        "revisions": PageQuery,
        "log": LogQuery,
    }
    queryset = Endpoint.objects.none()
    serializer_class = EndpointSerializer
    lookup_field = "name"

    def list(self, request: Request) -> Response:
        """List the endpoints."""
        return self.listed(Endpoint.objects.select_related("active"), EndpointSerializer)

    @extend_schema(request=EndpointCreateSerializer, responses={201: EndpointSerializer})
    def create(self, request: Request) -> Response:
        """Make an endpoint; deploy a model version to it next."""
        endpoint = actions.create_endpoint(self.grant, **self.body(EndpointCreateSerializer))
        return Response(EndpointSerializer(endpoint).data, status=201)

    def retrieve(self, request: Request, name: str) -> Response:
        """Describe an endpoint."""
        return Response(EndpointSerializer(actions.find_endpoint(name)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, name: str) -> Response:
        """Remove a stopped endpoint."""
        actions.remove(self.grant, actions.find_endpoint(name))
        return Response(status=204)

    @extend_schema(responses=RevisionSerializer(many=True))
    def revisions(self, request: Request, name: str) -> Response:
        """List an endpoint's revisions, the newest first."""
        rows = Revision.objects.filter(endpoint=actions.find_endpoint(name)).select_related("endpoint")
        return self.listed(rows, RevisionSerializer)

    @extend_schema(
        request=DeploySerializer, parameters=[IDEMPOTENCY_PARAMETER], responses={202: DeploymentSerializer}
    )
    def deploy(self, request: Request, name: str) -> Response:
        """Deploy a model version: 202 with the operation. The revision before answers until this one is ready."""
        given = self.body(DeploySerializer)
        endpoint = actions.find_endpoint(name)
        version = actions.resolve_model(self.grant, given["model"], given["version"], given["alias"])
        operation = actions.deploy(self.grant, endpoint, version, idempotency_key=idempotency_key(request))
        number = Revision.objects.get(pk=operation.payload["revision"]).number
        answer = {"operation": operation.pk, "state": operation.state, "revision": number}
        return Response(DeploymentSerializer(answer).data, status=202)

    @extend_schema(request=None, responses=EndpointSerializer)
    def start(self, request: Request, name: str) -> Response:
        """Start a stopped endpoint."""
        return Response(EndpointSerializer(actions.start(self.grant, actions.find_endpoint(name))).data)

    @extend_schema(request=None, responses=EndpointSerializer)
    def stop(self, request: Request, name: str) -> Response:
        """Stop an endpoint; it answers 409 until it is started."""
        return Response(EndpointSerializer(actions.stop(self.grant, actions.find_endpoint(name))).data)

    @extend_schema(responses=LogSerializer)
    def log(self, request: Request, name: str) -> Response:
        """Return the log of the newest revision's server from byte `offset` on."""
        return Response(read_log(actions.find_endpoint(name), self.query["offset"]))
