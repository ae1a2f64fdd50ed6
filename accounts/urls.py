"""Addresses of the personal pages."""

from django.urls import path

from accounts.views import profile, security, sign_in

app_name = "accounts"

urlpatterns = [
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-in/again/", sign_in.sign_in_again, name="sign_in_again"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("password/", sign_in.password, name="password"),
    path("me/", profile.me, name="me"),
    path("me/security/", security.security, name="security"),
    path("me/security/sessions/end/", security.end_session, name="end_session"),
]
