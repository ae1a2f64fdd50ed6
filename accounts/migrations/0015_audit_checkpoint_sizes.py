"""Checkpoints by size: a proof looks up which of them has a subtree in its frontier."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built while records go on being sealed.
    atomic = False

    dependencies = [("accounts", "0014_web_changes_no_keys")]

    operations = [
        AddIndexConcurrently(
            model_name="auditcheckpoint",
            index=models.Index(fields=["log_id", "size"], name="accounts_auditcheckpoint_size"),
        ),
    ]
