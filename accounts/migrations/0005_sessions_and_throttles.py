"""Sessions of the portal's own, tries that are counted, and everybody's sight of tries to sign in as them.

The table of Django's sessions stays where it is: it holds nothing that opens anything once the engine has changed.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import accounts.ids

POLICY = """
CREATE POLICY about_me ON accounts_auditevent FOR SELECT
    USING (account_id IS NULL AND target_type = 'user' AND target_id = (SELECT acting_user())::text);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_sealed_versions_and_platform_key"),
    ]

    operations = [
        migrations.CreateModel(
            name="Throttle",
            fields=[
                ("key", models.BinaryField(primary_key=True, serialize=False)),
                ("full_at", models.DateTimeField(db_index=True)),
                ("noted_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="user",
            name="second_factor_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name="KnownDevice",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("digest", models.BinaryField()),
                ("ip", models.CharField(blank=True, max_length=45)),
                ("last_used_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "digest", "ip"), name="accounts_knowndevice_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_digest", models.BinaryField(unique=True)),
                ("data", models.TextField()),
                ("ip", models.CharField(blank=True, max_length=45)),
                ("user_agent", models.CharField(blank=True, max_length=255)),
                ("started_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="accounts_session_expires")],
            },
        ),
        migrations.RunSQL(POLICY, "DROP POLICY about_me ON accounts_auditevent"),
    ]
