"""A dataset's sensitivity and grants over the API."""

from typing import ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from projects.doors.api import ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.serializers.approval import ApprovalSerializer
from registry.datasets.actions import sensitivity as actions
from registry.datasets.find import find_dataset
from registry.datasets.serializers_access import (
    DatasetAccessBody,
    DatasetGrantBody,
    DatasetGrantSerializer,
    SensitivityBody,
    SensitivitySerializer,
)
from registry.models import DatasetGrant


class DatasetAccessViewSet(ProjectViewSet):
    """Who may have a dataset's data."""

    permissions: ClassVar[dict[str, str]] = {
        "sensitivity": "dataset.write",
        "list": "dataset.read",
        "create": "access.decide",
        "destroy": "access.decide",
        "ask": "approval.ask",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]]] = {"list": PageQuery}
    queryset = DatasetGrant.objects.none()
    serializer_class = DatasetGrantSerializer

    @documented(
        operation_id="dataset_sensitivity",
        summary="Change how sensitive a dataset is, or ask for less",
        request=SensitivityBody,
        responses={200: SensitivitySerializer, 202: SensitivitySerializer},
    )
    def sensitivity(self, request: Request, name: str) -> Response:
        body, dataset = self.body(SensitivityBody), find_dataset(self.grant, name, lock=True)
        asked = actions.set_sensitivity(self.grant, dataset, body["sensitivity"], body["reason"])
        shown = {
            "sensitivity": dataset.sensitivity,
            "applied": asked is None,
            "approval": asked.pk if asked else None,
        }
        return Response(SensitivitySerializer(shown).data, status=200 if asked is None else 202)

    @documented(operation_id="dataset_grants_list", summary="Who was let at a dataset")
    def list(self, request: Request, name: str) -> Response:
        rows = DatasetGrant.objects.filter(dataset=find_dataset(self.grant, name)).select_related(
            "user", "robot"
        )
        return self.listed(rows, DatasetGrantSerializer)

    @documented(
        operation_id="dataset_grant",
        summary="Let somebody at a dataset",
        request=DatasetGrantBody,
        responses={201: DatasetGrantSerializer},
    )
    def create(self, request: Request, name: str) -> Response:
        body, dataset = self.body(DatasetGrantBody), find_dataset(self.grant, name)
        let = actions.give_access(self.grant, dataset, **body)
        return Response(DatasetGrantSerializer(let).data, status=201)

    @documented(operation_id="dataset_grant_end", summary="End a grant on a dataset", responses={204: None})
    def destroy(self, request: Request, name: str, pk: UUID) -> Response:
        actions.end_access(self.grant, actions.find_grant(find_dataset(self.grant, name), pk))
        return Response(status=204)

    @documented(
        operation_id="dataset_access_ask",
        summary="Ask to be let at a dataset",
        request=DatasetAccessBody,
        responses={201: ApprovalSerializer},
    )
    def ask(self, request: Request, name: str) -> Response:
        body, dataset = self.body(DatasetAccessBody), find_dataset(self.grant, name)
        return Response(ApprovalSerializer(actions.ask_access(self.grant, dataset, **body)).data, status=201)
