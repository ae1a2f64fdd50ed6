import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import accounts.crypto.fields
import accounts.ids
from accounts.crypto.migrations import KeepVersion


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_link_terms"),
    ]

    operations = [
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("digest", models.BinaryField(unique=True)),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Factor",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("totp", "Authenticator app"), ("passkey", "Passkey")], max_length=16
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("secret", accounts.crypto.fields.SealedField(null=True, platform=True)),
                ("last_step", models.BigIntegerField(default=0)),
                ("credential_id", models.BinaryField(null=True, unique=True)),
                ("credential", models.BinaryField(null=True)),
                ("sign_count", models.BigIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("secret_version", accounts.crypto.fields.SealedVersion()),
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
                    models.UniqueConstraint(
                        condition=models.Q(("confirmed_at__isnull", False), ("kind", "totp")),
                        fields=("user",),
                        name="accounts_factor_one_app",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("credential__isnull", True), ("kind", "totp"), ("secret__isnull", False)
                            ),
                            models.Q(
                                ("credential__isnull", False),
                                ("credential_id__isnull", False),
                                ("kind", "passkey"),
                            ),
                            _connector="OR",
                        ),
                        name="accounts_factor_shape",
                    ),
                ],
            },
        ),
        KeepVersion("factor", "secret"),
    ]
