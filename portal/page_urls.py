"""Addresses of this floor's pages: the dashboard, a project's home, the platform's pages, the audit room."""

from django.urls import path

from portal.views import (
    access_report,
    audit_reviews,
    audit_room,
    audit_verification,
    break_glass,
    dashboard,
    home,
    keys,
    platform,
    searches,
)

app_name = "portal"

urlpatterns = [
    path("", dashboard.Dashboard.as_view(), name="dashboard"),
    path("projects/<slug:slug>/", home.Home.as_view(), name="home"),
    path("projects/<slug:slug>/summary/", home.Summary.as_view(), name="summary"),
    path("platform/accounts/", platform.AccountsPage.as_view(), name="platform_accounts"),
    path("platform/break-glass/", break_glass.BreakGlassPage.as_view(), name="platform_break_glass"),
    path("platform/keys/", keys.KeysPage.as_view(), name="platform_keys"),
    path("platform/keys/accounts/<uuid:pk>/", keys.AccountKeyPage.as_view(), name="platform_account_key"),
    path("platform/accounts/<uuid:pk>/", platform.AccountPage.as_view(), name="platform_account"),
    path("platform/system/", platform.SystemPage.as_view(), name="platform_system"),
    path("audit-room/", audit_room.AuditRoom.as_view(), name="audit_room"),
    path(
        "audit-room/things/<str:kind>/<path:pk>/", audit_room.RoomThingPage.as_view(), name="audit_room_thing"
    ),
    path("audit-room/people/<path:actor>/", audit_room.RoomPersonPage.as_view(), name="audit_room_person"),
    path("audit-room/reports/", access_report.ReportsPage.as_view(), name="access_reports"),
    path("audit-room/reports/<uuid:pk>/", access_report.ReportPage.as_view(), name="access_report"),
    path("audit-room/searches/", searches.SaveSearchPage.as_view(), name="audit_searches"),
    path("audit-room/searches/<uuid:pk>/", searches.DeleteSearchPage.as_view(), name="audit_search"),
    path("audit-room/review/", audit_reviews.ReviewsPage.as_view(), name="audit_reviews"),
    path("audit-room/review/<str:log>/<str:month>/", audit_reviews.ReviewPage.as_view(), name="audit_review"),
    path(
        "audit-room/review/<str:log>/<str:month>/marks/",
        audit_reviews.MarkPage.as_view(),
        name="audit_review_marks",
    ),
    path(
        "audit-room/review/<str:log>/<str:month>/sign-off/",
        audit_reviews.SignPage.as_view(),
        name="audit_review_sign_off",
    ),
    path(
        "audit-room/verification/",
        audit_verification.AuditVerificationPage.as_view(),
        name="audit_verification",
    ),
]
