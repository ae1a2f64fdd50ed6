"""Addresses of this floor's API, below /api/v1/: the platform itself."""

from django.urls import path

from portal.api.access_report import PlatformAccessReportViewSet
from portal.api.audit_events import PlatformAuditHistoryViewSet, PlatformAuditViewSet
from portal.api.audit_log import PlatformAuditLogViewSet
from portal.api.audit_reviews import AuditReviewViewSet
from portal.api.break_glass import PlatformBreakGlassViewSet
from portal.api.key_destruction import KeyDestructionViewSet
from portal.api.keys import AccountKeysViewSet, KeyRotationViewSet, KeysViewSet
from portal.api.platform import AccountViewSet, SystemViewSet
from portal.api.searches import RoomSearchViewSet

app_name = "portal_api"

urlpatterns = [
    path(
        "platform/accounts",
        AccountViewSet.as_view({"get": "list", "post": "create"}),
        name="platform_accounts",
    ),
    path("platform/accounts/<uuid:pk>", AccountViewSet.as_view({"get": "retrieve"}), name="platform_account"),
    path(
        "platform/accounts/<uuid:pk>/suspend",
        AccountViewSet.as_view({"post": "suspend"}),
        name="platform_account_suspend",
    ),
    path(
        "platform/accounts/<uuid:pk>/reopen",
        AccountViewSet.as_view({"post": "reopen"}),
        name="platform_account_reopen",
    ),
    path(
        "platform/accounts/<uuid:pk>/close",
        AccountViewSet.as_view({"post": "close"}),
        name="platform_account_close",
    ),
    path(
        "platform/accounts/<uuid:pk>/disposal",
        AccountViewSet.as_view({"get": "disposal"}),
        name="platform_account_disposal",
    ),
    path("platform/system", SystemViewSet.as_view({"get": "retrieve"}), name="platform_system"),
    path(
        "platform/audit-events", PlatformAuditViewSet.as_view({"get": "list"}), name="platform_audit_events"
    ),
    path(
        "platform/audit-events/<uuid:pk>",
        PlatformAuditViewSet.as_view({"get": "retrieve"}),
        name="platform_audit_event",
    ),
    path(
        "platform/audit/things/<str:kind>/<path:pk>",
        PlatformAuditHistoryViewSet.as_view({"get": "thing"}),
        name="platform_audit_thing",
    ),
    path(
        "platform/audit/people/<path:actor>",
        PlatformAuditHistoryViewSet.as_view({"get": "person"}),
        name="platform_audit_person",
    ),
    path(
        "platform/audit-log", PlatformAuditLogViewSet.as_view({"get": "retrieve"}), name="platform_audit_log"
    ),
    path(
        "platform/audit-events/<uuid:pk>/proof",
        PlatformAuditLogViewSet.as_view({"get": "proof"}),
        name="platform_audit_proof",
    ),
    path(
        "platform/audit-log/consistency",
        PlatformAuditLogViewSet.as_view({"get": "consistency"}),
        name="platform_audit_consistency",
    ),
    path(
        "platform/audit-log/receipt",
        PlatformAuditLogViewSet.as_view({"get": "receipt"}),
        name="platform_audit_receipt",
    ),
    path(
        "platform/audit-log/verify",
        PlatformAuditLogViewSet.as_view({"post": "verify"}),
        name="platform_audit_verify",
    ),
    path(
        "platform/accounts/<uuid:pk>/access-report",
        PlatformAccessReportViewSet.as_view({"get": "retrieve"}),
        name="platform_access_report",
    ),
    path(
        "platform/accounts/<uuid:pk>/access-report/export",
        PlatformAccessReportViewSet.as_view({"get": "export"}),
        name="platform_access_report_export",
    ),
    path(
        "platform/audit-searches",
        RoomSearchViewSet.as_view({"get": "list", "post": "create"}),
        name="platform_audit_searches",
    ),
    path(
        "platform/audit-searches/<uuid:pk>",
        RoomSearchViewSet.as_view({"delete": "destroy"}),
        name="platform_audit_search",
    ),
    path(
        "platform/audit-reviews", AuditReviewViewSet.as_view({"get": "list"}), name="platform_audit_reviews"
    ),
    path(
        "platform/audit-reviews/<str:log>",
        AuditReviewViewSet.as_view({"get": "log"}),
        name="platform_audit_review_months",
    ),
    path(
        "platform/audit-reviews/<str:log>/<str:month>",
        AuditReviewViewSet.as_view({"get": "retrieve", "post": "gather"}),
        name="platform_audit_review",
    ),
    path(
        "platform/audit-reviews/<str:log>/<str:month>/marks",
        AuditReviewViewSet.as_view({"post": "mark"}),
        name="platform_audit_review_marks",
    ),
    path(
        "platform/audit-reviews/<str:log>/<str:month>/sign-off",
        AuditReviewViewSet.as_view({"post": "sign"}),
        name="platform_audit_review_sign_off",
    ),
    path(
        "platform/break-glass",
        PlatformBreakGlassViewSet.as_view({"post": "create"}),
        name="platform_break_glass",
    ),
    path("platform/keys", KeysViewSet.as_view({"get": "retrieve"}), name="platform_keys"),
    path("platform/keys/accounts", AccountKeysViewSet.as_view({"get": "list"}), name="platform_account_keys"),
    path(
        "platform/keys/accounts/<uuid:pk>/destruction",
        KeyDestructionViewSet.as_view({"post": "ask"}),
        name="platform_key_destruction_ask",
    ),
    path(
        "platform/keys/destructions",
        KeyDestructionViewSet.as_view({"get": "list"}),
        name="platform_key_destructions",
    ),
    path(
        "platform/keys/destructions/<uuid:pk>",
        KeyDestructionViewSet.as_view({"get": "retrieve"}),
        name="platform_key_destruction",
    ),
    path(
        "platform/keys/destructions/<uuid:pk>/approve",
        KeyDestructionViewSet.as_view({"post": "approve"}),
        name="platform_key_destruction_approve",
    ),
    path(
        "platform/keys/destructions/<uuid:pk>/reject",
        KeyDestructionViewSet.as_view({"post": "reject"}),
        name="platform_key_destruction_reject",
    ),
    path(
        "platform/keys/rotations",
        KeyRotationViewSet.as_view({"get": "list", "post": "create"}),
        name="platform_key_rotations",
    ),
    path(
        "platform/keys/rotations/<uuid:pk>",
        KeyRotationViewSet.as_view({"get": "retrieve"}),
        name="platform_key_rotation",
    ),
]
