"""Targets that the audit log is forwarded to, and where each of them stands."""

import django.db.models.deletion
from django.db import migrations, models

import accounts.crypto.fields
import accounts.ids
from accounts.crypto.migrations import KeepVersion
from accounts.tenancy.migrations import EnableTenancy


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_audit_searches"),
        ("projects", "0007_break_glass"),
    ]

    operations = [
        migrations.CreateModel(
            name="PlatformForward",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=120, verbose_name="Name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("webhook", "Webhook (CloudEvents)"),
                            ("syslog-tls", "Syslog over TLS"),
                            ("syslog-tcp", "Syslog over TCP, in clear"),
                            ("mail", "Mail (receipts only)"),
                        ],
                        max_length=16,
                        verbose_name="Kind",
                    ),
                ),
                ("address", models.CharField(max_length=2048, verbose_name="Address")),
                ("authority", models.TextField(blank=True, verbose_name="Certificate authority")),
                ("events", models.BooleanField(default=True, verbose_name="Forward events")),
                (
                    "begin",
                    models.CharField(
                        choices=[("now", "From now on"), ("beginning", "From the beginning of the log")],
                        default="now",
                        max_length=16,
                    ),
                ),
                (
                    "receipts",
                    models.CharField(
                        choices=[("never", "Never"), ("daily", "Every day"), ("weekly", "Every week")],
                        default="never",
                        max_length=8,
                        verbose_name="Send receipts",
                    ),
                ),
                ("receipt_at", models.DateTimeField(null=True)),
                ("receipt_sent_at", models.DateTimeField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("paused", "Paused")],
                        default="active",
                        max_length=8,
                        verbose_name="State",
                    ),
                ),
                ("next_at", models.DateTimeField(auto_now_add=True)),
                ("lease", models.BigIntegerField(default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("alarmed_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, max_length=300)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("test_asked_at", models.DateTimeField(null=True)),
                ("tested_at", models.DateTimeField(null=True)),
                ("test_problem", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by_label", models.CharField(max_length=160)),
                ("secret", accounts.crypto.fields.SealedField(null=True, platform=True)),
                ("every_log", models.BooleanField(default=False, verbose_name="Every account's log too")),
                ("begun_at", models.DateTimeField(null=True)),
                ("waiting", models.BigIntegerField(default=0)),
                ("oldest_at", models.DateTimeField(null=True)),
                ("secret_version", accounts.crypto.fields.SealedVersion()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("name",),
                        name="projects_platformforward_name",
                        violation_error_message="A target of this name exists already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditForward",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=120, verbose_name="Name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("webhook", "Webhook (CloudEvents)"),
                            ("syslog-tls", "Syslog over TLS"),
                            ("syslog-tcp", "Syslog over TCP, in clear"),
                            ("mail", "Mail (receipts only)"),
                        ],
                        max_length=16,
                        verbose_name="Kind",
                    ),
                ),
                ("address", models.CharField(max_length=2048, verbose_name="Address")),
                ("authority", models.TextField(blank=True, verbose_name="Certificate authority")),
                ("events", models.BooleanField(default=True, verbose_name="Forward events")),
                (
                    "begin",
                    models.CharField(
                        choices=[("now", "From now on"), ("beginning", "From the beginning of the log")],
                        default="now",
                        max_length=16,
                    ),
                ),
                (
                    "receipts",
                    models.CharField(
                        choices=[("never", "Never"), ("daily", "Every day"), ("weekly", "Every week")],
                        default="never",
                        max_length=8,
                        verbose_name="Send receipts",
                    ),
                ),
                ("receipt_at", models.DateTimeField(null=True)),
                ("receipt_sent_at", models.DateTimeField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("paused", "Paused")],
                        default="active",
                        max_length=8,
                        verbose_name="State",
                    ),
                ),
                ("next_at", models.DateTimeField(auto_now_add=True)),
                ("lease", models.BigIntegerField(default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("alarmed_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, max_length=300)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("test_asked_at", models.DateTimeField(null=True)),
                ("tested_at", models.DateTimeField(null=True)),
                ("test_problem", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by_label", models.CharField(max_length=160)),
                ("secret", accounts.crypto.fields.SealedField(null=True)),
                ("next_index", models.BigIntegerField(default=0)),
                ("secret_version", accounts.crypto.fields.SealedVersion()),
                (
                    "account",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "name"),
                        name="projects_auditforward_name",
                        violation_error_message="A target of this name exists already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PlatformForwardCursor",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("log_id", models.UUIDField()),
                ("next_index", models.BigIntegerField()),
                ("moved_at", models.DateTimeField()),
                (
                    "forward",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="cursors",
                        to="projects.platformforward",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("forward", "log_id"), name="projects_platformforwardcursor_once"
                    )
                ],
            },
        ),
        EnableTenancy("auditforward", system_read=True),
        KeepVersion("auditforward", "secret"),
        KeepVersion("platformforward", "secret"),
    ]
