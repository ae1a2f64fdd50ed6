"""The report rebuilt from the log says what the tables say, after everything that people do through the API."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEvent, Credential, TrustLink
from accounts.tenancy import platform_scope, scope
from projects.access_report.report import make_report, reach
from projects.access_report.state import GUARDED, State, holder_of
from projects.actions.access import record_end
from projects.holdings import holding_of
from projects.lookups import account_of_slug
from projects.models import BreakGlass, CustomRole, Membership, PermissionGrant, Robot, Token
from registry.models import Dataset, DatasetGrant
from tests.cast import Cast

GIT = {"url": "https://git.fab.example/a.git", "token": "to-be-sealed"}


class World:
    """A project that was opened and filled through the API alone, so that its log holds all of it."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        opened = self._send(
            cast.client("root"),
            "post",
            "/api/v1/platform/accounts",
            {"name": "Initech", "kind": "general", "owner": "alice"},
        )
        self.slug = opened["account"]["project"]
        self.account_id = account_of_slug(self.slug)
        assert self.account_id is not None
        self.base = f"/api/v1/projects/{self.slug}"
        self.alice = cast.client("alice")

    @staticmethod
    def _send(client: Client, method: str, url: str, body: Any = None) -> Any:
        response = getattr(client, method)(url, body, content_type="application/json")
        assert response.status_code < 300, (url, response.status_code, response.content)
        return response.json() if response.content else None

    def do(self, method: str, path: str, body: Any = None, client: Client | None = None) -> Any:
        """One request, as alice unless told."""
        return self._send(client or self.alice, method, f"{self.base}/{path}", body)

    def report(self, **period: Any) -> State:
        """What the log says stands now."""
        with platform_scope("auditor"):
            return make_report(self.account_id, **period).end  # type: ignore[arg-type]


@pytest.fixture
def world(cast: Cast) -> World:
    """Everything that changes who can reach what, some of it taken back."""
    made = World(cast)
    do = made.do
    later = (timezone.now() + timedelta(days=9)).isoformat()
    people = {}
    for username, role in (
        ("bob", "viewer"),
        ("sam", "scientist"),
        ("stella", "steward"),
        ("oscar", "operator"),
    ):
        people[username] = do("post", "members", {"username": username, "role": role})["id"]
    do("post", "members", {"username": "mia", "role": "maintainer", "expires_at": later})
    do("patch", f"members/{people['bob']}", {"role": "scientist"})
    do("delete", f"members/{people['oscar']}")
    do("post", "custom-roles", {"name": "labeller", "permissions": ["dataset.read", "dataset.write"]})
    do("post", "custom-roles", {"name": "unused", "permissions": ["dataset.read"]})
    do("put", "custom-roles/labeller", {"permissions": ["dataset.read", "model.read"]})
    do("delete", "custom-roles/unused")
    do("patch", f"members/{people['sam']}", {"role": "labeller"})
    for username, permission in (
        ("bob", "endpoint.manage"),
        ("sam", "dataset.preview"),
        ("sam", "audit.read"),
    ):
        do(
            "post",
            "access-grants",
            {"username": username, "permission": permission, "days": 5, "reason": "For lot 7."},
        )
    with scope(made.account_id):  # type: ignore[arg-type]
        ended = PermissionGrant.objects.get(permission="audit.read")
    do("delete", f"access-grants/{ended.pk}")
    for name, level in (
        ("open", ""),
        ("maps", "confidential"),
        ("recipes", "restricted"),
        ("lower", "restricted"),
    ):
        do("post", "datasets", {"name": name})
        if level:
            do("post", f"datasets/{name}/sensitivity", {"sensitivity": level, "reason": "A customer's."})
    do("post", "datasets/lower/sensitivity", {"sensitivity": "public", "reason": "Published."})
    do("post", "datasets/maps/grants", {"username": "bob", "days": 3, "reason": "Lot 7."})
    do("post", "datasets/maps/grants", {"role": "labeller", "reason": "They label."})
    gone = do("post", "datasets/recipes/grants", {"username": "stella", "reason": "A look."})
    do("delete", f"datasets/recipes/grants/{gone['id']}")
    for client in (made.alice, cast.client("bob")):
        first = do("post", "tokens", {"name": "nightly"}, client)
        do("post", "tokens", {"name": "laptop"}, client)
        do("delete", f"tokens/{(first.get('token_info') or first).get('id')}", client=client)
    for name in ("poller", "loader", "gone"):
        do("post", "robots", {"name": name, "role": "scientist"})
        do("post", f"robots/{name}/tokens", {"name": f"{name}-1"})
        do("post", "datasets/maps/grants", {"robot": name, "reason": "Nightly."})
    poller = {"role": "viewer", "description": "", "responsible": "bob", "expires_at": later}
    do("patch", "robots/poller", poller)
    do("post", "robots/loader/disable", {"reason": "It loads too much."})
    do("post", "robots/gone/end", {"reason": "Not needed."})
    for name in ("models", "scratch"):
        do("post", "credentials", {"name": name, "kind": "git", "secret": GIT})
    with scope(made.account_id):  # type: ignore[arg-type]
        scratch = Credential.objects.get(name="scratch")
    do("delete", f"credentials/{scratch.pk}")
    lender = f"/api/v1/projects/{cast.globex.slug}/links"
    charlie = cast.client("charlie")
    offered = made._send(charlie, "post", lender, {})
    link = do("post", "links/claim", {"code": offered["code"]})
    made._send(charlie, "post", f"{lender}/{link['id']}/approve", {})
    made._send(
        cast.client("root"),
        "post",
        "/api/v1/platform/break-glass",
        {"project": made.slug, "reason": "The endpoint does not start.", "hours": 4},
    )
    return made


def _holder(token: Token) -> str:
    return holder_of(token.robot.name) if token.robot else str(token.user.username)  # type: ignore[union-attr]


def _tables(account_id: Any) -> dict[str, Any]:
    """What the tables say now, in the report's words."""
    now = timezone.now()
    live = Q(expires_at=None) | Q(expires_at__gt=now)
    with scope(account_id):
        members = Membership.objects.filter(live).select_related("user")
        grants = PermissionGrant.objects.filter(live, ended_at=None).select_related("user")
        lets = DatasetGrant.objects.filter(live, ended_at=None).select_related("user", "robot")
        tokens = Token.objects.filter(revoked_at=None, expires_at__gt=now).select_related("user", "robot")
        robots = Robot.objects.filter(live, deleted_at=None)
        return {
            "members": sorted((m.user.username, m.role, m.expires_at) for m in members),
            "roles": {role.name: set(role.permissions) for role in CustomRole.objects.all()},
            "grants": sorted((g.user.username, g.permission) for g in grants),
            "datasets": sorted(Dataset.objects.values_list("name", "sensitivity")),
            "dataset_grants": sorted(
                (
                    str(let.dataset_id),
                    holder_of(let.bearer) if let.robot else let.bearer,
                    let.expires_at is None,
                )
                for let in lets
            ),
            "tokens": sorted((_holder(t), t.label, t.expires_at) for t in tokens),
            "robots": sorted((r.name, r.role, r.disabled_at is not None) for r in robots),
            "credentials": sorted(Credential.objects.values_list("name", "kind", "number")),
            "links": sorted(
                (str(pk), namespace, ends_at)
                for pk, namespace, ends_at in TrustLink.objects.filter(state="active").values_list(
                    "pk", "namespace", "ends_at"
                )
            ),
            "ways": sorted(
                BreakGlass.objects.filter(live, ended_at=None).values_list("user_label", "reason")
            ),
            "reach": {m.user.username: set(holding_of(m.user_id).permissions) for m in members},  # type: ignore[union-attr]
        }


def _told(state: State) -> dict[str, Any]:
    """What the log says, in the same words."""
    return {
        "members": sorted((m.user, m.role, m.until) for m in state.members.values()),
        "roles": state.roles,
        "grants": sorted((g.bearer, g.what) for g in state.grants.values()),
        "datasets": sorted((d.name, d.level) for d in state.datasets.values()),
        "dataset_grants": sorted((g.what, g.bearer, g.until is None) for g in state.dataset_grants.values()),
        "tokens": sorted((t.user, t.name, t.until) for t in state.tokens.values()),
        "robots": sorted((r.name, r.role, r.disabled) for r in state.robots.values()),
        "credentials": sorted((c.name, c.kind, c.version) for c in state.credentials.values()),
        "links": sorted((pk, link.namespace, link.until) for pk, link in state.links.items()),
        "ways": sorted((way.who, way.reason) for way in state.ways.values()),
        "reach": {
            name: set(one.permissions) for name, one in reach(state).items() if not name.startswith("robot ")
        },
    }


def test_the_replay_ends_where_the_tables_stand(world: World) -> None:
    told, tables = _told(world.report()), _tables(world.account_id)
    for part, wanted in tables.items():
        assert told[part] == wanted, part
    assert {d for d, _level in tables["datasets"]} == {"open", "maps", "recipes", "lower"}
    assert len(tables["links"]) == len(tables["ways"]) == 1, "there is something to compare"


def test_who_may_have_guarded_data_is_told_by_name_and_by_role(world: World) -> None:
    found = reach(world.report())
    assert found["bob"].datasets == ("maps (confidential)",)
    assert found["sam"].datasets == ("maps (confidential)",), "as a labeller"
    assert found["robot poller"].datasets == ("maps (confidential)",), "by its name"
    assert found["stella"].datasets == ()
    assert set(found["alice"].datasets) == {"maps (confidential)", "recipes (restricted)"}
    assert all(level in GUARDED for level in ("confidential", "restricted"))


def test_what_ran_out_of_time_has_ended_whoever_recorded_it(world: World) -> None:
    with platform_scope("auditor"):
        report = make_report(world.account_id)  # type: ignore[arg-type]
    ahead = report.end.at(timezone.now() + timedelta(days=10))
    assert "mia" not in {member.user for member in ahead.members.values()}
    assert ahead.grants == {}
    with audit.acting_as(audit.SYSTEM, via="task"), scope(world.account_id):  # type: ignore[arg-type]
        given = PermissionGrant.objects.get(permission="endpoint.manage")
        record_end(given)
    assert _told(world.report())["grants"] == [("sam", "dataset.preview")]


def test_the_start_is_what_stood_before_the_first_day(world: World) -> None:
    """Records of a log are dated now: one day later they lie before the period, and there is nothing in it."""
    with platform_scope("auditor"):
        today = make_report(world.account_id, timezone.now().date())  # type: ignore[arg-type]
    assert today.start.members == {}
    assert {row.change for row in today.people} == {"came"}
    assert today.counts["members"] == 9
    assert today.complete
    document = world.alice.get(f"{world.base}/access-report").json()
    assert document["counts"] == today.counts
    assert {row["person"] for row in document["people"]} == {
        "alice",
        "bob",
        "sam",
        "stella",
        "mia",
        "robot poller",
    }
    bob = next(row for row in document["people"] if row["person"] == "bob")
    assert (bob["start"], bob["end"]["role"], bob["end"]["granted"]) == (
        None,
        "scientist",
        ["endpoint.manage"],
    )
    assert len(document["changes"]) == sum(document["counts"].values())


def test_what_the_log_says_at_two_moments_differs_by_what_happened_between(world: World) -> None:
    before = world.report()
    world.do("post", "members", {"username": "oscar", "role": "operator"})
    after = world.report()
    assert {m.user for m in after.members.values()} - {m.user for m in before.members.values()} == {"oscar"}
    with scope(world.account_id):  # type: ignore[arg-type]
        last = AuditEvent.objects.filter(action="member.add").order_by("-at").first()
    assert last is not None
    assert {m.user for m in after.at(last.at).members.values()} == {m.user for m in after.members.values()}


def test_a_log_whose_beginning_is_gone_says_so(cast: Cast) -> None:
    """Acme's people were made without a record: what the log does not hold is not in the report, which says so."""
    with scope(cast.acme.pk), audit.acting_as(audit.SYSTEM, via="task"):
        member = Membership.objects.get(user=cast.bob)
        audit.record("member.role", member, detail={"from": "viewer", "to": "scientist"})
    with platform_scope("auditor"):
        report = make_report(cast.acme.pk)
    assert report.complete
    assert {row.person: row.end.role for row in report.people if row.end} == {
        "alice": "owner",
        "bob": "scientist",
    }


@pytest.mark.parametrize("format", ["json", "csv"])
def test_a_file_is_on_record_as_an_export(world: World, format: str) -> None:
    for client, url in (
        (world.alice, f"{world.base}/access-report/export"),
        (world.cast.client("audrey"), f"/api/v1/platform/accounts/{world.account_id}/access-report/export"),
    ):
        response = client.get(f"{url}?format={format}")
        assert response.status_code == 200, response.content
        assert f".{format}" in response.headers["Content-Disposition"]
        if format == "json":
            assert json.loads(response.content)["people"]
        else:
            lines = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
            assert {line["part"] for line in lines} == {"end", "change"}
            assert ("bob", "granted", "endpoint.manage") in {(e["who"], e["what"], e["value"]) for e in lines}
    with platform_scope("auditor"):
        taken = AuditEvent.objects.filter(action="audit.export", target_type="accessreport")
        assert sorted(event.account_id is None for event in taken) == [False, True]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("from=2026-02-30", 400),
        ("from=2026-05-02&to=2026-05-01", 400),
        ("from=9999-01-01", 400),
        ("to=9999-12-31", 200),
        ("from=0001-01-01", 200),
        ("since=2026-01-01", 400),
        ("to=0001-01-01", 200),
        ("from=2026-01-01&to=0001-01-01", 400),
    ],
)
def test_periods_that_are_none_are_refused(world: World, query: str, status: int) -> None:
    assert world.alice.get(f"{world.base}/access-report?{query}").status_code == status


def test_whoever_may_not_read_the_log_gets_no_report(world: World) -> None:
    assert world.cast.client("bob").get(f"{world.base}/access-report").status_code == 403
    assert world.cast.client("charlie").get(f"{world.base}/access-report").status_code == 404
    url = f"/api/v1/platform/accounts/{world.account_id}/access-report"
    assert world.cast.client("root").get(url).status_code == 404
    nobody = f"/api/v1/platform/accounts/{world.cast.alice.pk}/access-report"
    assert world.cast.client("audrey").get(nobody).status_code == 404
