from django.db import migrations

import accounts.crypto.fields
from accounts.crypto.migrations import KeepVersion


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_sealed_versions_and_platform_key"),
        ("clusters", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="workloadlog",
            name="content_version",
            field=accounts.crypto.fields.SealedVersion(),
        ),
        KeepVersion("workloadlog", "content"),
    ]
