from django.db import migrations, models

import accounts.crypto.fields
import accounts.ids
from accounts.crypto.migrations import DROP_FUNCTION, FUNCTION, KeepVersion


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_user_theme"),
    ]

    operations = [
        migrations.RunSQL(FUNCTION, DROP_FUNCTION),
        migrations.AddField(
            model_name="credential",
            name="secret_version",
            field=accounts.crypto.fields.SealedVersion(),
        ),
        migrations.CreateModel(
            name="PlatformKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("wrapped", models.BinaryField()),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("retired", "Retired")],
                        default="active",
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("version",), name="accounts_platformkey_version"),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "active")),
                        fields=("state",),
                        name="accounts_platformkey_one_active",
                    ),
                ],
            },
        ),
        KeepVersion("credential", "secret"),
    ]
