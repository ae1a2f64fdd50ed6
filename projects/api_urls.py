"""Addresses of this floor's API, below /api/v1/. `projects/asgi.py` adds what waits and streams."""

from django.urls import include, path

from projects.api.access_report import AccessReportViewSet
from projects.api.account import AccountViewSet, LinkViewSet
from projects.api.account_key import ProtectionKeyViewSet
from projects.api.approvals import ApprovalViewSet, PermissionGrantViewSet
from projects.api.audit import AuditEventViewSet, AuditHistoryViewSet
from projects.api.audit_log import AuditLogViewSet
from projects.api.audit_review import SignedReviewViewSet
from projects.api.break_glass import BreakGlassViewSet
from projects.api.credentials import CredentialViewSet
from projects.api.forwarding import AuditForwardViewSet, PlatformForwardViewSet
from projects.api.me import MeViewSet, MyProjectsViewSet
from projects.api.notifications import NoticeViewSet, PreferencesViewSet, WebhookViewSet
from projects.api.operations import OperationViewSet
from projects.api.platform_tokens import PlatformTokenViewSet
from projects.api.project import MemberViewSet, ProjectDetailViewSet
from projects.api.robots import RobotViewSet
from projects.api.roles import CustomRoleViewSet, ReachViewSet
from projects.api.searches import SavedSearchViewSet
from projects.api.security import FactorViewSet, IdentityViewSet, SessionViewSet, SignInViewSet
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
    path("robots", RobotViewSet.as_view({"get": "list", "post": "create"}), name="robots"),
    path(
        "robots/<str:name>",
        RobotViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="robot",
    ),
    path(
        "robots/<str:name>/tokens",
        RobotViewSet.as_view({"get": "tokens", "post": "make_token"}),
        name="robot_tokens",
    ),
    path("robots/<str:name>/reach", RobotViewSet.as_view({"get": "reach"}), name="robot_reach"),
    path("robots/<str:name>/disable", RobotViewSet.as_view({"post": "disable"}), name="robot_disable"),
    path("robots/<str:name>/enable", RobotViewSet.as_view({"post": "enable"}), name="robot_enable"),
    path("robots/<str:name>/end", RobotViewSet.as_view({"post": "end"}), name="robot_end"),
    path("protection-key", ProtectionKeyViewSet.as_view({"get": "retrieve"}), name="protection_key"),
    path(
        "protection-key/rotate",
        ProtectionKeyViewSet.as_view({"post": "rotate"}),
        name="protection_key_rotate",
    ),
    path("credentials", CredentialViewSet.as_view({"get": "list", "post": "create"}), name="credentials"),
    path(
        "credentials/<uuid:pk>",
        CredentialViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="credential",
    ),
    path("credentials/<uuid:pk>/test", CredentialViewSet.as_view({"post": "test"}), name="credential_test"),
    path(
        "credentials/<uuid:pk>/rotation",
        CredentialViewSet.as_view({"post": "rotate", "delete": "discard"}),
        name="credential_rotation",
    ),
    path(
        "credentials/<uuid:pk>/switch",
        CredentialViewSet.as_view({"post": "switch"}),
        name="credential_switch",
    ),
    path(
        "credentials/<uuid:pk>/roll-back",
        CredentialViewSet.as_view({"post": "roll_back"}),
        name="credential_roll_back",
    ),
    path(
        "credentials/<uuid:pk>/reveal",
        CredentialViewSet.as_view({"post": "reveal"}),
        name="credential_reveal",
    ),
    path("account", AccountViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="account"),
    path("links", LinkViewSet.as_view({"get": "list", "post": "create"}), name="links"),
    path("links/claim", LinkViewSet.as_view({"post": "claim"}), name="link_claim"),
    path("links/request", LinkViewSet.as_view({"post": "request_link"}), name="link_request"),
    path(
        "links/lending-code",
        LinkViewSet.as_view({"post": "open_requests", "delete": "close_requests"}),
        name="link_lending_code",
    ),
    path("links/<uuid:pk>/check", LinkViewSet.as_view({"post": "check"}), name="link_check"),
    path("links/<uuid:pk>/reject", LinkViewSet.as_view({"post": "reject"}), name="link_reject"),
    path("links/<uuid:pk>", LinkViewSet.as_view({"get": "retrieve"}), name="link"),
    path("links/<uuid:pk>/approve", LinkViewSet.as_view({"post": "approve"}), name="link_approve"),
    path("links/<uuid:pk>/revoke", LinkViewSet.as_view({"post": "revoke"}), name="link_revoke"),
    path("custom-roles", CustomRoleViewSet.as_view({"get": "list", "post": "create"}), name="custom_roles"),
    path(
        "custom-roles/<str:name>",
        CustomRoleViewSet.as_view({"put": "update", "delete": "destroy"}),
        name="custom_role",
    ),
    path("break-glass", BreakGlassViewSet.as_view({"get": "list"}), name="break_glass"),
    path("break-glass/<uuid:pk>/end", BreakGlassViewSet.as_view({"post": "end"}), name="break_glass_end"),
    path("people", ReachViewSet.as_view({"get": "list"}), name="people"),
    path("people/<str:username>", ReachViewSet.as_view({"get": "retrieve"}), name="person"),
    path("approvals", ApprovalViewSet.as_view({"get": "list", "post": "create"}), name="approvals"),
    path("approvals/<uuid:pk>", ApprovalViewSet.as_view({"get": "retrieve"}), name="approval"),
    path(
        "approvals/<uuid:pk>/approve", ApprovalViewSet.as_view({"post": "approve"}), name="approval_approve"
    ),
    path("approvals/<uuid:pk>/reject", ApprovalViewSet.as_view({"post": "reject"}), name="approval_reject"),
    path(
        "approvals/<uuid:pk>/withdraw",
        ApprovalViewSet.as_view({"post": "withdraw"}),
        name="approval_withdraw",
    ),
    path(
        "access-grants",
        PermissionGrantViewSet.as_view({"get": "list", "post": "create"}),
        name="access_grants",
    ),
    path(
        "access-grants/<uuid:pk>", PermissionGrantViewSet.as_view({"delete": "destroy"}), name="access_grant"
    ),
    path("webhooks", WebhookViewSet.as_view({"get": "list", "post": "create"}), name="webhooks"),
    path(
        "webhooks/<uuid:pk>",
        WebhookViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="webhook",
    ),
    path("webhooks/<uuid:pk>/test", WebhookViewSet.as_view({"post": "test"}), name="webhook_test"),
    path(
        "webhooks/<uuid:pk>/deliveries",
        WebhookViewSet.as_view({"get": "deliveries"}),
        name="webhook_deliveries",
    ),
    path("audit-events", AuditEventViewSet.as_view({"get": "list"}), name="audit_events"),
    path("audit-events/<uuid:pk>", AuditEventViewSet.as_view({"get": "retrieve"}), name="audit_event"),
    path(
        "audit/things/<str:kind>/<path:pk>",
        AuditHistoryViewSet.as_view({"get": "thing"}),
        name="audit_thing",
    ),
    path("audit/people/<path:actor>", AuditHistoryViewSet.as_view({"get": "person"}), name="audit_person"),
    path("access-report", AccessReportViewSet.as_view({"get": "retrieve"}), name="access_report"),
    path("access-report/export", AccessReportViewSet.as_view({"get": "export"}), name="access_report_export"),
    path(
        "audit-searches",
        SavedSearchViewSet.as_view({"get": "list", "post": "create"}),
        name="audit_searches",
    ),
    path("audit-searches/<uuid:pk>", SavedSearchViewSet.as_view({"delete": "destroy"}), name="audit_search"),
    path("audit-reviews", SignedReviewViewSet.as_view({"get": "list"}), name="audit_reviews"),
    path("audit-reviews/<str:month>", SignedReviewViewSet.as_view({"get": "retrieve"}), name="audit_review"),
    path("audit-log", AuditLogViewSet.as_view({"get": "retrieve"}), name="audit_log"),
    path("audit-events/<uuid:pk>/proof", AuditLogViewSet.as_view({"get": "proof"}), name="audit_proof"),
    path("audit-log/consistency", AuditLogViewSet.as_view({"get": "consistency"}), name="audit_consistency"),
    path("audit-log/receipt", AuditLogViewSet.as_view({"get": "receipt"}), name="audit_receipt"),
    path("audit-log/verify", AuditLogViewSet.as_view({"post": "verify"}), name="audit_verify"),
    path(
        "audit-forwards",
        AuditForwardViewSet.as_view({"get": "list", "post": "create"}),
        name="audit_forwards",
    ),
    path(
        "audit-forwards/<uuid:pk>",
        AuditForwardViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="audit_forward",
    ),
    path(
        "audit-forwards/<uuid:pk>/pause",
        AuditForwardViewSet.as_view({"post": "pause"}),
        name="audit_forward_pause",
    ),
    path(
        "audit-forwards/<uuid:pk>/resume",
        AuditForwardViewSet.as_view({"post": "resume"}),
        name="audit_forward_resume",
    ),
    path(
        "audit-forwards/<uuid:pk>/test",
        AuditForwardViewSet.as_view({"post": "test"}),
        name="audit_forward_test",
    ),
    path("operations", OperationViewSet.as_view({"get": "list"}), name="operations"),
    path("operations/<uuid:pk>/log", OperationViewSet.as_view({"get": "log"}), name="operation_log"),
    path(
        "operations/<uuid:pk>/cancel", OperationViewSet.as_view({"post": "cancel"}), name="operation_cancel"
    ),
    path("operations/<uuid:pk>/retry", OperationViewSet.as_view({"post": "retry"}), name="operation_retry"),
]

urlpatterns = [
    path("me", MeViewSet.as_view({"get": "retrieve"}), name="me"),
    path("notifications", NoticeViewSet.as_view({"get": "list"}), name="notices"),
    path("notifications/read", NoticeViewSet.as_view({"post": "read"}), name="notices_read"),
    path(
        "notification-preferences",
        PreferencesViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="notice_preferences",
    ),
    path("me/sessions", SessionViewSet.as_view({"get": "list"}), name="my_sessions"),
    path("me/sessions/end-others", SessionViewSet.as_view({"post": "end_others"}), name="my_sessions_end"),
    path("me/sessions/<uuid:pk>", SessionViewSet.as_view({"delete": "destroy"}), name="my_session"),
    path("me/factors", FactorViewSet.as_view({"get": "retrieve"}), name="my_factors"),
    path("me/factors/<uuid:pk>", FactorViewSet.as_view({"delete": "destroy"}), name="my_factor"),
    path("me/recovery-codes", FactorViewSet.as_view({"post": "recovery_codes"}), name="my_recovery_codes"),
    path("me/identities", IdentityViewSet.as_view({"get": "list"}), name="my_identities"),
    path("me/identities/<uuid:pk>", IdentityViewSet.as_view({"delete": "destroy"}), name="my_identity"),
    path("me/sign-ins", SignInViewSet.as_view({"get": "list"}), name="my_sign_ins"),
    path(
        "platform/tokens",
        PlatformTokenViewSet.as_view({"get": "list", "post": "create"}),
        name="platform_tokens",
    ),
    path(
        "platform/tokens/<uuid:pk>",
        PlatformTokenViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="platform_token",
    ),
    path(
        "platform/audit-forwards",
        PlatformForwardViewSet.as_view({"get": "list", "post": "create"}),
        name="platform_audit_forwards",
    ),
    path(
        "platform/audit-forwards/<uuid:pk>",
        PlatformForwardViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="platform_audit_forward",
    ),
    path(
        "platform/audit-forwards/<uuid:pk>/pause",
        PlatformForwardViewSet.as_view({"post": "pause"}),
        name="platform_audit_forward_pause",
    ),
    path(
        "platform/audit-forwards/<uuid:pk>/resume",
        PlatformForwardViewSet.as_view({"post": "resume"}),
        name="platform_audit_forward_resume",
    ),
    path(
        "platform/audit-forwards/<uuid:pk>/test",
        PlatformForwardViewSet.as_view({"post": "test"}),
        name="platform_audit_forward_test",
    ),
    path("projects", MyProjectsViewSet.as_view({"get": "list"}), name="projects"),
    path("projects/<slug:slug>", include(_project)),
    path("projects/<slug:slug>/", include(_within)),
]
