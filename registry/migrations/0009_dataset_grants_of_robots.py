"""A grant on a dataset may name a robot of the same project.

The new column is empty and the new constraint takes everything that the old one took: the previous release goes on
giving grants to people and roles while this is applied. On the way back the grants of robots go, for it knows no such
bearer.
"""

import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.models
from accounts.tenancy.migrations import AddTenantForeignKey


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0012_platform_reviews_outside_scopes"),
        ("registry", "0008_dataset_deletion"),
    ]

    operations = [
        migrations.AddField(
            model_name="datasetgrant",
            name="robot",
            field=accounts.tenancy.models.TenantForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="projects.robot"
            ),
        ),
        AddTenantForeignKey("datasetgrant", "robot"),
        migrations.RemoveConstraint(model_name="datasetgrant", name="registry_datasetgrant_one_bearer"),
        migrations.RunSQL(
            migrations.RunSQL.noop, "DELETE FROM registry_datasetgrant WHERE robot_id IS NOT NULL;"
        ),
        migrations.AddConstraint(
            model_name="datasetgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("robot", None), ("role", ""), ("user__isnull", False)),
                    models.Q(("robot__isnull", False), ("role", ""), ("user", None)),
                    models.Q(("robot", None), ("user", None), models.Q(("role", ""), _negated=True)),
                    _connector="OR",
                ),
                name="registry_datasetgrant_bearer",
            ),
        ),
    ]
