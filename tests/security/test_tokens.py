"""Tokens that would grow: by making others, by having a job do what they may not."""

import json
from datetime import timedelta
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from accounts.audit import Actor
from accounts.tenancy import scope
from clusters.models import Workload
from projects.doors.door import token_permissions
from projects.doors.grant import Grant
from projects.holdings import holding_of
from projects.models import Operation, Token
from projects.permissions import RUN_PERMISSIONS, permissions_of
from registry.models import TrainingJob
from registry.training.launch import Launch, launch
from registry.training.workload import OWNER, secrets
from tests.access_matrix.arguments_registry import make_source
from tests.cast import Cast


def test_a_token_makes_none_that_outlives_it(cast: Cast) -> None:
    parent, text = cast.token("sam", lifetime=timedelta(minutes=30))
    answer = Client().post(
        f"{cast.url}/tokens",
        json.dumps({"name": "for ever", "expires_in": 300 * 24 * 3600}),
        content_type="application/json",
        HTTP_AUTHORIZATION=f"Bearer {text}",
    )
    assert answer.status_code == 201
    with scope(cast.acme.account_id):
        made = Token.objects.get(name="for ever")
        assert made.expires_at <= parent.expires_at
        assert made.expires_at > timezone.now() + timedelta(minutes=29)


def launched(cast: Cast, *, token: bool, scopes: list[str] | None) -> frozenset[str]:
    """What the token of a job may do that sam launches, with a token of these scopes if told."""
    source = make_source(cast, cast.acme)
    with cast.inside("sam") as person:
        held = frozenset(p.value for p in permissions_of("scientist") if not scopes or p.value in scopes)
        grant = Grant(
            Actor("token", "t", "ci", "sam") if token else person.actor,
            person.user_id,
            person.account_id,
            person.slug,
            person.project_name,
            person.role,
            held,
            "api",
            token_id=uuid4() if token else None,
        )
        job = launch(grant, source.project, Launch())
        TrainingJob.objects.filter(pk=job.pk).update(run_id="0" * 32)
        workload = Workload(pk=uuid4(), account_id=cast.acme.account_id, owner_type=OWNER, owner_id=job.pk)
        assert Operation.objects.get(pk=job.operation_id).payload["job"] == str(job.pk)
    assert secrets(workload)["MLFLOW_TRACKING_TOKEN"].startswith("mlp_")
    with scope(cast.acme.account_id):
        minted = Token.objects.get(workload_id=workload.pk)
        return token_permissions(minted, holding_of(minted.user_id))


def test_a_job_reads_no_data_for_a_token_that_may_not(cast: Cast) -> None:
    able = launched(cast, token=True, scopes=["training.launch", "training.read"])
    assert able == {"mlflow.read", "mlflow.write"}


def test_a_persons_job_has_all_that_jobs_have(cast: Cast) -> None:
    assert launched(cast, token=False, scopes=None) == RUN_PERMISSIONS


def test_a_token_without_scopes_launches_as_its_person(cast: Cast) -> None:
    assert launched(cast, token=True, scopes=None) == RUN_PERMISSIONS
