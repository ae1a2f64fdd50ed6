"""Addresses of the personal pages."""

from django.urls import path

from accounts.views import factors, profile, security, sign_in, single

app_name = "accounts"

urlpatterns = [
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-in/second/", sign_in.second_step, name="second_step"),
    path("sign-in/passkey/", sign_in.passkey, name="passkey"),
    path("sign-in/oidc/", single.begin, name="oidc"),
    path("sign-in/oidc/back/", single.back, name="oidc_back"),
    path("me/security/connect/", single.connect, name="connect_provider"),
    path("me/security/disconnect/", single.disconnect, name="disconnect"),
    path("sign-in/again/", sign_in.sign_in_again, name="sign_in_again"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("password/", sign_in.password, name="password"),
    path("me/", profile.me, name="me"),
    path("me/security/", security.security, name="security"),
    path("me/security/sessions/end/", security.end_session, name="end_session"),
    path("me/security/app/", factors.authenticator_app, name="authenticator_app"),
    path("me/security/passkeys/new/", factors.new_passkey, name="new_passkey"),
    path("me/security/factors/remove/", factors.remove_factor, name="remove_factor"),
    path("me/security/recovery-codes/", factors.recovery_codes, name="recovery_codes"),
]
