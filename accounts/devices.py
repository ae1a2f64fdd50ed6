"""Devices: what a browser calls itself, and the cookie by which one is known again."""

import hashlib
import re
import secrets
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.models.session import KnownDevice

KNOWN_DAYS = 90
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("SamsungBrowser", "Samsung Internet"),
             ("Chrome", "Chrome"), ("Version", "Safari"), ("curl", "curl"), ("python", "Python"))  # fmt: skip
_SYSTEMS = (("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iPadOS"), ("Windows", "Windows"),
            ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip


def describe(user_agent: str) -> str:
    """Say "Firefox 140, Windows" for what a browser sends; a person tells their own devices apart by no more."""
    browser = ""
    for mark, name in _BROWSERS:
        if found := re.search(rf"\b{mark}[/-](\d{{1,4}})", user_agent):
            browser = f"{name} {found[1]}"
            break
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return ", ".join(part for part in (browser, system) if part) or _("Unknown device")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def device_of(request: HttpRequest) -> bytes:
    """The digest of the device's cookie; empty where there is none."""
    text = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    return _digest(text) if text else b""


def known_as(request: HttpRequest, ip: str, username: str) -> tuple[bool, bool]:
    """Whether this person has signed in before from this device, and from this address. One query, whoever is meant."""
    digest = device_of(request)
    since = timezone.now() - timedelta(days=KNOWN_DAYS)
    rows = list(
        KnownDevice.objects.filter(
            Q(digest=digest) | Q(ip=ip), user__username__iexact=username, last_used_at__gt=since
        )
        .order_by("-last_used_at")
        .values_list("digest", "ip")[:50]
    )
    return any(bytes(row[0]) == digest for row in rows), any(row[1] == ip for row in rows)


def remember(request: HttpRequest, response: HttpResponse, user: User, ip: str) -> None:
    """Know this device again, for this person."""
    text = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", text):
        text = secrets.token_urlsafe(32)
    KnownDevice.objects.update_or_create(
        user=user, digest=_digest(text), ip=ip, defaults={"last_used_at": timezone.now()}
    )
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        text,
        max_age=KNOWN_DAYS * 24 * 3600,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def forget_others(request: HttpRequest, user: User) -> None:
    """Know only this device from now on."""
    KnownDevice.objects.filter(user=user).exclude(digest=device_of(request)).delete()


def forget_old() -> int:
    """Delete devices that have not been seen for long; returns how many."""
    since = timezone.now() - timedelta(days=KNOWN_DAYS)
    return KnownDevice.objects.filter(last_used_at__lt=since).delete()[0]
