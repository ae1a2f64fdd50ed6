"""One's own sessions, second factors and tries to sign in: what /me/security/ shows, for one's own browser only."""

from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import devices
from accounts.actions import external, factors, sessions
from accounts.errors import Conflict
from accounts.models import Factor
from accounts.recent import require_recent
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


class FactorSerializer(serializers.Serializer[Any]):
    """A second factor."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Factor.Kind.choices)
    name = serializers.CharField()
    confirmed_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class FactorsSerializer(serializers.Serializer[Any]):
    """What is asked for beside the password."""

    factors = FactorSerializer(many=True)
    recovery_codes_left = serializers.IntegerField()


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    """New recovery codes: shown in this answer, and never again."""

    codes = serializers.ListField(child=serializers.CharField())


class FactorViewSet(PersonalViewSet):
    """One's own second factors. They are set up at /me/security/: that takes an app or a device at hand."""

    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = FactorsSerializer
    pagination_class = None  # type: ignore[assignment]  # a person's factors are few

    @documented(operation_id="my_factors", summary="My second factors", responses={200: FactorsSerializer})
    def retrieve(self, request: Request) -> Response:
        shown = {
            "factors": factors.factors_of(self.person),
            "recovery_codes_left": factors.codes_left(self.person),
        }
        return Response(FactorsSerializer(shown).data)

    @documented(
        operation_id="my_factor_remove", summary="Take away one of my second factors", responses={204: None}
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        require_recent(request)
        factors.remove_factor(self.person, pk)
        return Response(status=204)

    @documented(
        operation_id="my_recovery_codes",
        summary="Make new recovery codes",
        request=None,
        responses={201: RecoveryCodesSerializer},
    )
    def recovery_codes(self, request: Request) -> Response:
        require_recent(request)
        if self.person.second_factor_at is None:
            raise Conflict("mfa.none", _("You have no second factor that recovery codes could stand in for."))
        return Response({"codes": factors.make_recovery_codes(self.person)}, status=201)


class IdentitySerializer(serializers.Serializer[Any]):
    """An account elsewhere that opens this portal as oneself."""

    id = serializers.UUIDField()
    issuer = serializers.CharField()
    subject = serializers.CharField()
    linked_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class IdentityViewSet(PersonalViewSet):
    """One's own accounts elsewhere. They are connected at /me/security/: that takes a browser at the provider."""

    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = IdentitySerializer
    pagination_class = None  # type: ignore[assignment]  # a person's accounts are few

    @documented(operation_id="my_identities", summary="My accounts elsewhere")
    def list(self, request: Request) -> Response:
        return Response(IdentitySerializer(external.identities_of(self.person), many=True).data)

    @documented(
        operation_id="my_identity_disconnect", summary="Disconnect one of them", responses={204: None}
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        require_recent(request)
        external.disconnect(self.person, pk)
        return Response(status=204)
