"""Pages made of every component with sample contexts, and the few endpoints that their modules speak to.

Served by uvicorn under `tests.frontend.settings`; no page here touches the database.
"""

import asyncio
import json
import math
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from django import forms
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import include, path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.frontend.settings")

PERSON = SimpleNamespace(
    is_authenticated=True,
    get_username="mina.park",
    username="mina.park",
    email="mina@fab.example",
    must_change_password=False,
)
ENTRANCES = [
    SimpleNamespace(slug="etch-yield-7k2m", name="Etch Yield", kind="general"),
    SimpleNamespace(slug="litho-p3xq", name="리소그래피 분석", kind="general"),
    SimpleNamespace(slug="shared-9rtw", name="Shared Cluster", kind="trusted"),
]
GRANT = SimpleNamespace(
    slug="etch-yield-7k2m",
    project_name="Etch Yield",
    role="scientist",
    can=lambda permission: permission != "dataset.delete",
)


class SampleForm(forms.Form):
    name = forms.CharField(label="Name", help_text="Lower-case letters, digits and hyphens.")
    note = forms.CharField(label="Note", widget=forms.Textarea(attrs={"rows": 2}), required=False)
    cluster = forms.ChoiceField(label="Cluster", choices=[("local", "local"), ("fab", "fab-k8s-1")])
    alpha = forms.FloatField(label="alpha", initial=0.4)
    keep = forms.BooleanField(label="Keep the working folder", required=False)
    kind = forms.ChoiceField(
        label="Credentials",
        choices=[("own", "Its own, encrypted under its own key"), ("none", "None yet")],
        widget=forms.RadioSelect,
        initial="own",
    )


def moments(*minutes: float) -> list[datetime]:
    now = datetime.now(UTC)
    return [now - timedelta(minutes=minute) for minute in minutes]


def disc(across: int) -> list[tuple[int, int]]:
    middle = (across - 1) / 2
    return [
        (x, y)
        for y in range(across)
        for x in range(across)
        if math.hypot(x - middle, y - middle) <= across / 2
    ]


def wafer(across: int) -> dict[str, Any]:
    """A disc of dies whose edge and one scratch fail; the prediction sees the edge, and half the scratch."""
    dies = disc(across)
    middle = (across - 1) / 2
    actual, predicted = [], []
    for x, y in dies:
        far = math.hypot(x - middle, y - middle) / (across / 2)
        noise = ((x * 73856093) ^ (y * 19349663)) % 1000 / 1000
        scratch = abs((x - middle) * 0.6 - (y - middle) - across * 0.08) < across * 0.012 and far < 0.7
        actual.append(int(far > 0.93 - noise * 0.05 or scratch or noise > 0.992))
        guess = int(far > 0.925 or (scratch and noise > 0.5) or noise < 0.004)
        predicted.append(None if (x // max(1, across // 8) + y // max(1, across // 8)) % 3 else guess)
    return {
        "x": [x for x, _ in dies],
        "y": [y for _, y in dies],
        "predicted": predicted,
        "actual": actual,
        "notch": "down",
        "categories": [{"value": 0, "label": "pass"}, {"value": 1, "label": "fail"}],
    }


def measured(across: int) -> dict[str, Any]:
    dies = disc(across)
    middle = (across - 1) / 2
    actual = [
        1.2 + 0.3 * math.cos((x - middle) / across * 4) - 0.2 * ((y - middle) / across) ** 2 for x, y in dies
    ]
    predicted = [value + 0.05 * math.sin(x / 3) for value, (x, _) in zip(actual, dies, strict=True)]
    return {
        "x": [x for x, _ in dies],
        "y": [y for _, y in dies],
        "predicted": predicted,
        "actual": actual,
        "unit": "mA",
    }


def metric_data() -> dict[str, Any]:
    return {
        "x_label": "step",
        "series": [
            {
                "name": f"run-{number}",
                "x": list(range(0, 200, number)),
                "y": [
                    math.exp(-step / (30 * number)) + 0.05 + 0.01 * math.sin(step)
                    for step in range(0, 200, number)
                ],
            }
            for number in range(1, 6)
        ],
    }


def frame(**context: Any) -> dict[str, Any]:
    return {"user": PERSON, "entrances": ENTRANCES, "grant": GRANT, "platform_role": "admin", **context}


def home(request: HttpRequest, slug: str = "") -> HttpResponse:
    now, recent, earlier, old = moments(0.2, 14, 190, 60 * 24 * 30)
    return TemplateResponse(
        request,
        "gallery/home.html",
        frame(
            steps=[
                {
                    "label": "데이터셋" if request.COOKIES.get("django_language") == "ko" else "Datasets",
                    "icon": "database",
                    "url": "#",
                    "count": 4,
                    "note": "wafer-2026-11 · v3",
                },
                {"label": "Runs", "icon": "graph-up", "url": "#", "count": 128, "note": "F1 0.871"},
                {
                    "label": "Models",
                    "icon": "box-seam",
                    "url": "#",
                    "count": 2,
                    "note": "die-fails · champion v4",
                },
                {
                    "label": "Endpoints",
                    "icon": "hdd-network",
                    "url": "#",
                    "count": 0,
                    "note": "Deploy champion v4",
                    "next": True,
                },
            ],
            jobs=[
                {"number": number, "state": state, "stage": stage, "when": when, "seconds": seconds}
                for number, state, stage, when, seconds in [
                    (42, "running", "train", now, 31.0),
                    (41, "queued", "", recent, None),
                    (40, "succeeded", "", earlier, 412.4),
                    (39, "failed", "environment", earlier, 12.1),
                    (38, "cancelled", "train", old, 65.0),
                    (37, "unknown", "train", old, 3700.0),
                ]
            ],
            stages=[
                ("source", "Source"),
                ("environment", "Environment"),
                ("train", "Training"),
                ("register", "Registration"),
            ],
        ),
    )


def components(request: HttpRequest) -> HttpResponse:
    form = (
        SampleForm(request.POST or {"name": "", "alpha": "x", "cluster": "local", "kind": "own"})
        if request.GET.get("errors")
        else SampleForm()
    )
    return TemplateResponse(
        request,
        "gallery/components.html",
        frame(
            form=form,
            states=[
                "queued",
                "running",
                "succeeded",
                "failed",
                "cancelled",
                "unknown",
                "starting",
                "stopping",
                "ready",
                "degraded",
                "suspended",
                "expired",
                "revoked",
                "denied",
                "active",
            ],
            stages=[
                ("source", "Source"),
                ("environment", "Environment"),
                ("train", "Training"),
                ("register", "Registration"),
            ],
            tabs=[
                {"label": "Overview", "url": "#", "active": True},
                {"label": "Versions", "url": "#", "count": 3},
                {"label": "Access", "url": "#", "count": 0},
            ],
            moments=moments(0, 3, 300, 60 * 24 * 3, 60 * 24 * 400),
            body={"parameters": {"alpha": 0.4, "label": "it's"}},
            terms=["confusion matrix", "precision", "recall", "f1 score", "wafer map"],
            rows=[
                {
                    "label": "Hash",
                    "value": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "copyable": True,
                },
                {"label": "Rows", "value": "76,289"},
                {"label": "Source", "value": None},
            ],
        ),
    )


def charts(request: HttpRequest) -> HttpResponse:
    bars = {
        "xAxis": {"type": "category", "data": ["CVD", "Litho", "Etch", "CMP"]},
        "yAxis": {"type": "value"},
        "series": [{"type": "bar", "name": "drift", "data": [0.12, 0.31, 0.08, 0.22]}],
        "tooltip": {"trigger": "axis"},
    }
    return TemplateResponse(
        request,
        "gallery/charts.html",
        frame(
            metric=metric_data(),
            single={"x_label": "step", "series": [{"name": "run-1", "x": [0], "y": [0.91]}]},
            nothing={"series": []},
            matrix={"labels": ["pass", "fail"], "matrix": [[70112, 812], [1043, 4322]]},
            wide={
                "labels": ["ok", "edge", "ring", "scratch"],
                "matrix": [[90, 3, 1, 0], [5, 60, 2, 1], [0, 4, 33, 2], [1, 0, 3, 12]],
            },
            bars=bars,
        ),
    )


def wafers(request: HttpRequest) -> HttpResponse:
    across = int(request.GET.get("across", "312"))
    return TemplateResponse(request, "gallery/wafers.html", frame(wafer=wafer(across), measured=measured(40)))


def live(request: HttpRequest) -> HttpResponse:
    return TemplateResponse(
        request, "gallery/live.html", frame(stages=[("source", "Source"), ("train", "Training")])
    )


def events(request: HttpRequest) -> StreamingHttpResponse:
    async def stream() -> AsyncIterator[str]:
        first = int(request.headers.get("Last-Event-ID") or 0)
        for number in range(first + 1, 41):
            text = (
                f"step {number}: loss {1 / number:.4f}"
                + ("\nWARNING: slow disk" if number == 7 else "")
                + ("" if number == 12 else "\n")
            )
            yield f"id: {number}\nevent: log\ndata: {json.dumps({'text': text})}\n\n"
            if number == 20 and first < 20:
                return
            await asyncio.sleep(0.01)
        yield f"event: state\ndata: {json.dumps({'state': 'succeeded', 'stage': 'train', 'progress': 1})}\n\n"
        yield f"event: end\ndata: {json.dumps({'state': 'succeeded'})}\n\n"

    return StreamingHttpResponse(stream(), content_type="text/event-stream")


UPLOADS: dict[str, dict[str, Any]] = {}


def create_upload(request: HttpRequest) -> HttpResponse:
    asked = json.loads(request.body)
    if asked["filename"].endswith(".exe"):
        return JsonResponse({"detail": "Programs are not data."}, status=422)
    name = uuid4().hex
    UPLOADS[name] = {**asked, "bytes": b"", "finished": False, "breaks": asked.get("breaks", 0)}
    return JsonResponse({"url": f"/uploads/{name}", "offset": 0}, status=201)


def one_upload(request: HttpRequest, name: str) -> HttpResponse:
    upload = UPLOADS[name]
    if request.method == "DELETE":
        del UPLOADS[name]
        return HttpResponse(status=204)
    if request.method == "PUT":
        if upload["breaks"]:
            upload["breaks"] -= 1
            return JsonResponse({"detail": "An engine is away."}, status=503)
        if int(request.headers["Upload-Offset"]) != len(upload["bytes"]):
            return JsonResponse({"detail": "Wrong offset.", "offset": len(upload["bytes"])}, status=409)
        upload["bytes"] += request.body
    return JsonResponse(
        {
            "offset": len(upload["bytes"]),
            "finished": upload["finished"],
            "text": upload["bytes"].decode("latin-1")[:64],
        }
    )


def finish_upload(request: HttpRequest, name: str) -> HttpResponse:
    UPLOADS[name]["finished"] = True
    return JsonResponse({"id": name})


def activity(request: HttpRequest, slug: str) -> HttpResponse:
    now, recent = moments(1, 40)
    operations = [
        {
            "url": "#",
            "kind_label": "Training",
            "target_label": "wafer-yield #42",
            "state": "running",
            "stage": "train",
            "progress": 0.4,
            "created_at": now,
        },
        {
            "url": "#",
            "kind_label": "Upload",
            "target_label": "wafer-2026-11.csv",
            "state": "succeeded",
            "stage": "",
            "progress": 1,
            "created_at": recent,
        },
    ]
    return TemplateResponse(
        request, "partials/activity.html", {"operations": operations, "running": 1, "all_url": "#"}
    )


def badge(request: HttpRequest) -> HttpResponse:
    return TemplateResponse(request, "projects/partials/inbox_badge.html", {"unread": 2, "todo": 1})


class SignInForm(forms.Form):
    username = forms.CharField(label="Username", widget=forms.TextInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        label="Password", widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


def sign_in(request: HttpRequest) -> HttpResponse:
    form = SignInForm({"username": "mina"}) if request.GET.get("errors") else SignInForm()
    if form.is_bound:
        form.add_error(None, "Wrong username or password.")
    return TemplateResponse(request, "accounts/sign_in.html", {"form": form, "next": "/"})


def error(request: HttpRequest, status: int) -> HttpResponse:
    context: dict[str, Any] = {"request_id": "1f0c9a7be2d84c31"}
    if status == 403:
        context |= {
            "permission": "dataset.download",
            "detail": "This needs the permission “dataset.download”, which your role here (viewer) lacks.",
            "request_access_url": "#",
        }
    return TemplateResponse(request, f"{status}.html", context, status=status)


def page(request: HttpRequest, slug: str = "") -> HttpResponse:
    return HttpResponse("")


PROJECT_PAGES = [
    "datasets/",
    "training/",
    "experiments/",
    "models/",
    "endpoints/",
    "wafers/",
    "activity/",
    "clusters/",
    "audit/",
    "settings/members/",
    "settings/account/",
    "settings/tokens/",
    "connect/",
]

urlpatterns = [
    path("", home),
    path("projects/<str:slug>/", home),
    *[path(f"projects/<str:slug>/{name}", page) for name in PROJECT_PAGES],
    path("projects/<str:slug>/activity/menu/", activity),
    path("notifications/badge/", badge),
    path("platform/accounts/", page),
    path("platform/system/", page),
    path("gallery/components/", components),
    path("gallery/charts/", charts),
    path("gallery/wafers/", wafers),
    path("gallery/live/", live),
    path("gallery/events", events),
    path("uploads", create_upload),
    path("uploads/<str:name>", one_upload),
    path("uploads/<str:name>/finish", finish_upload),
    path("sign-in/", sign_in),
    path("errors/<int:status>/", error),
    path("i18n/", include("django.conf.urls.i18n")),
]
application = get_asgi_application()
