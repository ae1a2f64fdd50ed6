"""How errors reach people: problem documents for the API, a page for everybody else."""

import sys
from typing import Any
from urllib.parse import urlencode

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import select_template
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.errors import (
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
    PortalError,
    TooManyRequests,
    Unauthenticated,
)
from accounts.problems import CONTENT_TYPE, DATABASE_AWAY, TITLES, database_away, headers, problem
from accounts.recent import STALE, to_confirm
from projects.actions.access import grantable

log = structlog.get_logger(__name__)


class ServerError(PortalError):
    """A bug or a broken engine: the reader gets the request's id, the log gets the rest."""

    status = 500


class UnsupportedMediaType(PortalError):
    """The body is of a type that nothing here reads."""

    status = 415


class NotAcceptable(PortalError):
    """None of the types that the client accepts can be produced."""

    status = 406


def server_error() -> ServerError:
    """The one answer to what was not expected."""
    return ServerError(
        "server.error",
        _("Something went wrong on our side. Tell your admin the request's id; the log has the rest."),
    )


def _messages(detail: Any) -> Any:
    """Flatten DRF's nested details to plain lists and dicts of texts."""
    if isinstance(detail, dict):
        return {str(name): _messages(value) for name, value in detail.items()}
    if isinstance(detail, list):
        return [_messages(value) for value in detail]
    return str(detail)


def from_drf(error: Exception) -> PortalError:
    """Translate the framework's own exceptions into the family."""
    if isinstance(error, PortalError):
        return error
    if isinstance(error, exceptions.ValidationError):
        found = _messages(error.detail)
        errors = found if isinstance(found, dict) else {"non_field_errors": found}
        return Invalid(
            "request.invalid",
            _("The request is not valid: %(fields)s.") % {"fields": ", ".join(errors)},
            errors=errors,
        )
    if isinstance(error, exceptions.ParseError):
        return Invalid("request.unreadable", _("The body does not parse: %(why)s") % {"why": error.detail})
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return Unauthenticated("auth.required", str(error.detail))
    if isinstance(error, exceptions.PermissionDenied | PermissionDenied):
        return Forbidden("request.forbidden", str(getattr(error, "detail", "")) or _("This is not allowed."))
    if isinstance(error, exceptions.NotFound | Http404):
        return NotFound("thing.not_found", _("There is nothing at this address."))
    if isinstance(error, exceptions.MethodNotAllowed):
        return MethodNotAllowed("method.not_allowed", str(error.detail))
    if isinstance(error, exceptions.UnsupportedMediaType):
        return UnsupportedMediaType("request.media_type", str(error.detail))
    if isinstance(error, exceptions.NotAcceptable):
        return NotAcceptable("request.not_acceptable", str(error.detail))
    if isinstance(error, exceptions.Throttled):
        wait = int(getattr(error, "wait", None) or 1)
        return TooManyRequests("request.throttled", str(error.detail), retry_after=wait)
    if isinstance(error, SuspiciousOperation):
        return not_understood()
    if isinstance(error, DATABASE_AWAY):
        return database_away()
    return server_error()


def not_understood() -> Invalid:
    """The answer to what no browser and no program of ours sends: a redirect without end, too many fields."""
    return Invalid("request.invalid", _("The server did not understand this request."))


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's hook: every error of the API is a problem document."""
    shown = from_drf(error)
    if shown.status >= 500:
        log.error("api_error", code=shown.code, exc_info=error)
    set_rollback()
    request = context.get("request")
    request_id = getattr(getattr(request, "_request", None), "request_id", "")
    return Response(
        problem(shown, request_id=request_id),
        status=shown.status,
        headers=headers(shown),
        content_type=CONTENT_TYPE,
    )


def wants_json(request: HttpRequest) -> bool:
    """Whether the caller is a program."""
    return request.path.startswith("/api/") or request.accepts("text/html") is False


def render_problem(request: HttpRequest, error: PortalError) -> HttpResponse:
    """Answer with a page, or with a problem document where a program asks."""
    if error.code == STALE and not wants_json(request):
        return to_confirm(request)
    request_id = getattr(request, "request_id", "")
    if wants_json(request):
        response: HttpResponse = JsonResponse(
            problem(error, request_id=request_id), status=error.status, content_type=CONTENT_TYPE
        )
    else:
        template = select_template([f"{error.status}.html", "error.html"])
        context = {
            "error": error,
            "status": error.status,
            "title": _(TITLES.get(error.status, "Error")),
            "request_id": request_id,
            "retry_after": error.data.get("retry_after"),
            "request_access_url": error.data.get("ask_url")
            or access_url(request.path, str(error.data.get("permission", ""))),
        }
        response = HttpResponse(template.render(context, request), status=error.status)
    for name, value in headers(error).items():
        response[name] = value
    return response


def access_url(path: str, permission: str) -> str:
    """Where a person asks for the permission that a project's page has refused them for; empty where nobody can."""
    parts = path.split("/")
    if len(parts) < 4 or parts[1] != "projects" or not permission or not grantable(permission):
        return ""
    return f"{reverse('project:access_new', args=[parts[2]])}?{urlencode({'permission': permission})}"


class ProblemMiddleware:
    """Turns the family of errors, raised by a page, into an answer. Everything else is a logged 500."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response: HttpResponse = self.get_response(request)
        return response

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Answer 404 to an address with a NUL: PostgreSQL keeps none in a text, and refuses to look for one."""
        if any("\0" in value for value in kwargs.values() if isinstance(value, str)):
            return not_found(request)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Render a `PortalError`; leave a bug to Django's debug page while debugging."""
        if isinstance(error, PortalError | Http404 | PermissionDenied | SuspiciousOperation):
            return render_problem(request, from_drf(error))
        if settings.DEBUG:
            return None
        log.error("page_error", path=request.path, exc_info=error)
        return render_problem(request, from_drf(error))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """`handler404`"""
    return render_problem(request, NotFound("page.not_found", _("There is no such page.")))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """`handler400`"""
    return render_problem(request, not_understood())


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """`handler403`"""
    return render_problem(request, Forbidden("request.forbidden", _("This is not allowed.")))


def broken(request: HttpRequest) -> HttpResponse:
    """`handler500`, called while the exception is being handled."""
    error = sys.exc_info()[1]
    return render_problem(request, from_drf(error) if isinstance(error, DATABASE_AWAY) else server_error())


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """`CSRF_FAILURE_VIEW`"""
    message = _("The form's security token is missing or old. Reload the page, and try again.")
    return render_problem(request, Forbidden("csrf.failed", message))
