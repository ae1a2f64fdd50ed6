"""Addresses of the project's own pages."""

from django.urls import include, path

from projects.views import (
    access_report,
    account,
    account_key,
    activity,
    approvals,
    audit,
    audit_reviews,
    connect,
    credentials,
    forwarding,
    links,
    notifications,
    permissions,
    platform_tokens,
    robots,
    settings,
    tokens,
)

app_name = "project"

_within = [
    path("activity/", activity.ActivityPage.as_view(), name="activity"),
    path("activity/menu/", activity.ActivityMenu.as_view(), name="activity_menu"),
    path("activity/<uuid:pk>/", activity.OperationPage.as_view(), name="operation"),
    path("audit/", audit.AuditPage.as_view(), name="audit"),
    path("approvals/", approvals.ApprovalsPage.as_view(), name="approvals"),
    path("approvals/new/", approvals.AccessNewPage.as_view(), name="access_new"),
    path("approvals/<uuid:pk>/", approvals.ApprovalPage.as_view(), name="approval"),
    path("audit/things/<str:kind>/<path:pk>/", audit.AuditThingPage.as_view(), name="audit_thing"),
    path("audit/people/<path:actor>/", audit.AuditPersonPage.as_view(), name="audit_person"),
    path("audit/report/", access_report.AccessReportPage.as_view(), name="access_report"),
    path("audit/reviews/", audit_reviews.SignedReviewsPage.as_view(), name="audit_reviews"),
    path("audit/reviews/<str:month>/", audit_reviews.SignedReviewsPage.as_view(), name="audit_review"),
    path("audit/live/", audit.AuditLivePage.as_view(), name="audit_live"),
    path("audit/forwarding/", forwarding.ForwardingPage.as_view(), name="forwarding"),
    path("audit/forwarding/<uuid:pk>/", forwarding.ForwardPage.as_view(), name="forward"),
    path("audit/verify/", audit.AuditVerifyPage.as_view(), name="audit_verify"),
    path("connect/", connect.ConnectPage.as_view(), name="connect"),
    path("connect/status/", connect.ConnectStatus.as_view(), name="connect_status"),
    path("settings/", settings.ProjectPage.as_view(), name="settings"),
    path("settings/members/", settings.MembersPage.as_view(), name="members"),
    path("settings/members/<uuid:pk>/", settings.MemberPage.as_view(), name="member"),
    path("settings/tokens/", tokens.TokensPage.as_view(), name="tokens"),
    path("settings/tokens/<uuid:pk>/", tokens.TokenPage.as_view(), name="token"),
    path("settings/robots/", robots.RobotsPage.as_view(), name="robots"),
    path("settings/robots/<str:name>/", robots.RobotPage.as_view(), name="robot"),
    path("settings/permissions/", permissions.PermissionsPage.as_view(), name="permissions"),
    path("settings/permissions/roles/<str:name>/", permissions.RolePage.as_view(), name="role"),
    path("settings/permissions/people/<str:username>/", permissions.PersonPage.as_view(), name="person"),
    path("settings/permissions/grants/<uuid:pk>/", permissions.GrantEnd.as_view(), name="access_grant"),
    path("settings/break-glass/<uuid:pk>/", permissions.BreakGlassEnd.as_view(), name="break_glass_end"),
    path("settings/webhooks/", notifications.WebhooksPage.as_view(), name="webhooks"),
    path("settings/webhooks/<uuid:pk>/", notifications.WebhookPage.as_view(), name="webhook"),
    path("settings/account/key/", account_key.AccountKeyPage.as_view(), name="account_key"),
    path("settings/account/", account.AccountPage.as_view(), name="account"),
    path(
        "settings/account/credentials/new/<slug:kind>/",
        credentials.CredentialNewPage.as_view(),
        name="credential_new",
    ),
    path(
        "settings/account/credentials/<uuid:pk>/",
        credentials.CredentialPage.as_view(),
        name="credential",
    ),
    path(
        "settings/account/credentials/<uuid:pk>/rotate/",
        credentials.RotatePage.as_view(),
        name="credential_rotate",
    ),
    path(
        "settings/account/credentials/<uuid:pk>/status/",
        credentials.CredentialStatus.as_view(),
        name="credential_status",
    ),
    path(
        "settings/account/credentials/<uuid:pk>/reveal/",
        credentials.RevealPage.as_view(),
        name="credential_reveal",
    ),
    path("settings/account/links/invite/", links.InvitePage.as_view(), name="link_invite"),
    path("settings/account/links/requests/", links.LendingCodePage.as_view(), name="link_requests"),
    path("settings/account/links/claim/", links.ClaimPage.as_view(), name="link_claim"),
    path("settings/account/links/<uuid:pk>/", links.LinkPage.as_view(), name="link"),
]

_tokens, _token = platform_tokens.PlatformTokensPage, platform_tokens.PlatformTokenPage

urlpatterns = [
    path("approvals/", approvals.AllApprovalsPage.as_view(), name="approvals_all"),
    path("notifications/", notifications.NoticesPage.as_view(), name="notifications"),
    path("notifications/badge/", notifications.InboxBadge.as_view(), name="inbox_badge"),
    path("projects/<slug:slug>/", include(_within)),
    path("platform/tokens/", _tokens.as_view(reader="admin"), name="platform_tokens"),
    path("platform/tokens/<uuid:pk>/", _token.as_view(reader="admin"), name="platform_token"),
    path("platform/forwarding/", forwarding.PlatformForwardingPage.as_view(), name="platform_forwarding"),
    path("platform/forwarding/<uuid:pk>/", forwarding.PlatformForwardPage.as_view(), name="platform_forward"),
    path("audit-room/forwarding/", forwarding.RoomForwardingPage.as_view(), name="auditor_forwarding"),
    path("audit-room/tokens/", _tokens.as_view(reader="auditor"), name="auditor_tokens"),
    path("audit-room/tokens/<uuid:pk>/", _token.as_view(reader="auditor"), name="auditor_token"),
]
