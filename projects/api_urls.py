"""Addresses of this floor's API, below /api/v1/. `projects/asgi.py` adds what waits and streams."""

from django.urls import include, path

from projects.api.account import CredentialViewSet, LinkViewSet
from projects.api.audit import AuditEventViewSet
from projects.api.me import MeViewSet, MyProjectsViewSet
from projects.api.operations import OperationViewSet
from projects.api.project import MemberViewSet, ProjectDetailViewSet
from projects.api.tokens import TokenViewSet

app_name = "projects_api"

_project = [
    path("", ProjectDetailViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="project"),
]
_within = [
    path("roles", ProjectDetailViewSet.as_view({"get": "roles"}), name="roles"),
    path("members", MemberViewSet.as_view({"get": "list", "post": "create"}), name="members"),
    path(
        "members/<uuid:pk>",
        MemberViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="member",
    ),
    path("tokens", TokenViewSet.as_view({"get": "list", "post": "create"}), name="tokens"),
    path("tokens/<uuid:pk>", TokenViewSet.as_view({"get": "retrieve", "delete": "destroy"}), name="token"),
    path("credentials", CredentialViewSet.as_view({"get": "list", "post": "create"}), name="credentials"),
    path(
        "credentials/<uuid:pk>",
        CredentialViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
        name="credential",
    ),
    path("links", LinkViewSet.as_view({"get": "list", "post": "create"}), name="links"),
    path("links/claim", LinkViewSet.as_view({"post": "claim"}), name="link_claim"),
    path("links/<uuid:pk>", LinkViewSet.as_view({"get": "retrieve"}), name="link"),
    path("links/<uuid:pk>/approve", LinkViewSet.as_view({"post": "approve"}), name="link_approve"),
    path("links/<uuid:pk>/revoke", LinkViewSet.as_view({"post": "revoke"}), name="link_revoke"),
    path("audit-events", AuditEventViewSet.as_view({"get": "list"}), name="audit_events"),
    path("audit-events/<uuid:pk>", AuditEventViewSet.as_view({"get": "retrieve"}), name="audit_event"),
    path("operations", OperationViewSet.as_view({"get": "list"}), name="operations"),
    path("operations/<uuid:pk>/log", OperationViewSet.as_view({"get": "log"}), name="operation_log"),
    path(
        "operations/<uuid:pk>/cancel", OperationViewSet.as_view({"post": "cancel"}), name="operation_cancel"
    ),
    path("operations/<uuid:pk>/retry", OperationViewSet.as_view({"post": "retry"}), name="operation_retry"),
]

urlpatterns = [
    path("me", MeViewSet.as_view({"get": "retrieve"}), name="me"),
    path("projects", MyProjectsViewSet.as_view({"get": "list"}), name="projects"),
    path("projects/<slug:slug>", include(_project)),
    path("projects/<slug:slug>/", include(_within)),
]
