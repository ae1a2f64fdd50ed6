"""One's own sessions and tries to sign in: what /me/security/ shows, for the person's own browser only."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import devices
from accounts.actions import sessions
from projects.doors.api import PersonalViewSet
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer


class SessionSerializer(serializers.Serializer[Any]):
    """Where one is signed in."""

    id = serializers.UUIDField()
    device = serializers.CharField(help_text="What the browser calls itself, in short.")
    ip = serializers.CharField(help_text="The address at which it signed in.")
    started_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    current = serializers.BooleanField(help_text="Whether it is the session that asks.")


class SignInSerializer(serializers.Serializer[Any]):
    """A try to sign in as oneself, as the audit log has it."""

    at = serializers.DateTimeField()
    action = serializers.CharField()
    outcome = serializers.CharField()
    ip = serializers.CharField()
    device = serializers.CharField()


class EndedSerializer(serializers.Serializer[Any]):
    """How many sessions have ended."""

    count = serializers.IntegerField()


class SessionViewSet(PersonalViewSet):
    """One's own sessions."""

    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = SessionSerializer
    pagination_class = None  # type: ignore[assignment]  # a person's sessions are few

    @documented(operation_id="my_sessions", summary="My sessions")
    def list(self, request: Request) -> Response:
        this = getattr(request._request.session, "row_id", None)
        shown = [
            {
                "id": row.pk,
                "device": devices.describe(row.user_agent),
                "ip": row.ip,
                "started_at": row.started_at,
                "last_seen_at": row.last_seen_at,
                "expires_at": row.expires_at,
                "current": row.pk == this,
            }
            for row in sessions.living_sessions(self.person)
        ]
        return Response(SessionSerializer(shown, many=True).data)

    @documented(operation_id="my_session_end", summary="End one of my sessions", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        sessions.end_session(self.person, pk)
        return Response(status=204)

    @documented(
        operation_id="my_sessions_end_others",
        summary="End my other sessions",
        request=None,
        responses={200: EndedSerializer},
    )
    def end_others(self, request: Request) -> Response:
        count = sessions.end_other_sessions(self.person, request._request.session)
        return Response({"count": count})


class SignInViewSet(PersonalViewSet):
    """The latest tries to sign in as oneself."""

    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = SignInSerializer
    pagination_class = None  # type: ignore[assignment]  # the latest few

    @documented(operation_id="my_sign_ins", summary="Recent tries to sign in as me")
    def list(self, request: Request) -> Response:
        shown = [
            {
                "at": event.at,
                "action": event.action,
                "outcome": event.outcome,
                "ip": event.ip,
                "device": devices.describe(event.user_agent),
            }
            for event in sessions.recent_sign_ins(self.person)
        ]
        return Response(SignInSerializer(shown, many=True).data)
