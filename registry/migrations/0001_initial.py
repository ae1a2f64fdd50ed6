import django.db.models.deletion
from django.db import migrations, models

import accounts.ids
from accounts.tenancy.migrations import EnableTenancy


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0002_audit_log"),
    ]

    operations = [
        migrations.CreateModel(
            name="Blob",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("writing", "Uploading"), ("stored", "Stored")],
                        default="writing",
                        max_length=16,
                    ),
                ),
                ("size", models.BigIntegerField(default=0, help_text="Bytes of content; 0 until stored.")),
                (
                    "sha256",
                    models.CharField(
                        blank=True, default="", help_text="Of the content, in hex.", max_length=64
                    ),
                ),
                ("wrapped_key", models.BinaryField()),
                (
                    "chunk_size",
                    models.PositiveIntegerField(help_text="Bytes of content in each chunk but the last."),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
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
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "writing")),
                        fields=["created_at"],
                        name="registry_blob_unfinished",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("sha256", ""), ("size", 0), ("state", "writing")),
                            models.Q(
                                ("sha256__regex", "^[0-9a-f]{64}$"), ("size__gte", 0), ("state", "stored")
                            ),
                            _connector="OR",
                        ),
                        name="registry_blob_stored_is_hashed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("chunk_size__gt", 0)), name="registry_blob_chunk_size"
                    ),
                ],
            },
        ),
        EnableTenancy("blob", system_read=True),
    ]
