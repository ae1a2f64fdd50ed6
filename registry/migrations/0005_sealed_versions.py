from django.db import migrations

import accounts.crypto.fields
from accounts.crypto.migrations import KeepVersion


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_sealed_versions_and_platform_key"),
        ("registry", "0004_training_job_settled"),
    ]

    operations = [
        migrations.AddField(
            model_name="fileprofile",
            name="report_version",
            field=accounts.crypto.fields.SealedVersion(),
        ),
        migrations.AddField(
            model_name="trainingsource",
            name="documents_version",
            field=accounts.crypto.fields.SealedVersion(),
        ),
        KeepVersion("fileprofile", "report"),
        KeepVersion("trainingsource", "documents"),
    ]
