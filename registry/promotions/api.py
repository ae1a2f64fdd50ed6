"""The API of promotions and protected aliases."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from projects.doors.api import ProjectViewSet
from projects.doors.strict import PageQuery, QuerySerializer
from projects.serializers.approval import ApprovalSerializer
from registry.models import Promotion, ProtectedAlias
from registry.promotions import actions, protecting
from registry.promotions.serializers import (
    ComparisonQuery,
    ComparisonSerializer,
    PromotionBody,
    PromotionQuery,
    PromotionSerializer,
    ProtectedAliasBody,
    ProtectedAliasSerializer,
    UnprotectBody,
)


class PromotionViewSet(ProjectViewSet):
    """Requests to move protected aliases. They are decided among the approvals."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "model.read",
        "create": "model.promote",
        "retrieve": "model.read",
        "compare": "model.read",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {
        "list": PromotionQuery,
        "compare": ComparisonQuery,
    }
    queryset = Promotion.objects.none()
    serializer_class = PromotionSerializer

    def list(self, request: Request) -> Response:
        """List the promotions, the newest first."""
        return self.listed(actions.promotions(self.query.get("model", "")), PromotionSerializer)

    @extend_schema(request=PromotionBody, responses={201: PromotionSerializer})
    def create(self, request: Request) -> Response:
        """Ask for a protected alias to be moved, with the evidence as it is now."""
        made = actions.ask(self.grant, **self.body(PromotionBody))
        return Response(PromotionSerializer(made).data, status=201)

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Describe a promotion with its evidence."""
        return Response(PromotionSerializer(actions.find_promotion(pk)).data)

    @extend_schema(responses=ComparisonSerializer)
    def compare(self, request: Request, name: str) -> Response:
        """Put a version beside the one that an alias points to: the evidence that asking now would freeze."""
        found = actions.comparison(self.grant, name, self.query["alias"], self.query.get("version"))
        return Response(ComparisonSerializer(found).data)


class ProtectedAliasViewSet(ProjectViewSet):
    """Aliases that move only when a second person approves."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "model.read",
        "create": "model.protect",
        "remove": "model.protect",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    queryset = ProtectedAlias.objects.none()
    serializer_class = ProtectedAliasSerializer

    def list(self, request: Request) -> Response:
        """List the protected aliases."""
        return self.listed(ProtectedAlias.objects.all(), ProtectedAliasSerializer)

    @extend_schema(request=ProtectedAliasBody, responses={201: ProtectedAliasSerializer})
    def create(self, request: Request) -> Response:
        """Protect an alias, at once."""
        made = protecting.protect(self.grant, **self.body(ProtectedAliasBody))
        return Response(ProtectedAliasSerializer(made).data, status=201)

    @extend_schema(request=UnprotectBody, responses={202: ApprovalSerializer})
    def remove(self, request: Request, pk: UUID) -> Response:
        """Ask for a protection to be lifted: a second person decides."""
        row = protecting.find_protected(pk)
        asked = protecting.ask_unprotect(self.grant, row, self.body(UnprotectBody)["reason"])
        return Response(ApprovalSerializer(asked).data, status=202)
