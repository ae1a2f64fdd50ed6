from django.db import migrations, models

import accounts.ids

POLICIES = """
CREATE POLICY system_read ON accounts_accountkey FOR SELECT TO portal_system
    USING ((SELECT current_account()) IS NULL);
CREATE POLICY platform ON accounts_accountkey FOR SELECT USING ((SELECT platform_reader()) = 'admin');
-- Which root keys are needed, for a process that starts: it may have none of the accounts' rows before it.
CREATE FUNCTION protection_key_roots() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT DISTINCT root FROM accounts_accountkey WHERE state <> 'destroyed'
    UNION SELECT root FROM accounts_platformkey WHERE state <> 'destroyed'
$$;
"""
DROP_POLICIES = """
DROP FUNCTION protection_key_roots();
DROP POLICY platform ON accounts_accountkey;
DROP POLICY system_read ON accounts_accountkey;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_second_factors"),
    ]

    operations = [
        migrations.AddField(
            model_name="accountkey",
            name="counted_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="accountkey",
            name="destroyed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="accountkey",
            name="retired_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="accountkey",
            name="root",
            field=models.CharField(blank=True, db_default="", default="", max_length=128),
        ),
        migrations.AddField(
            model_name="accountkey",
            name="sealed_values",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="platformkey",
            name="counted_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="platformkey",
            name="destroyed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="platformkey",
            name="retired_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="platformkey",
            name="root",
            field=models.CharField(blank=True, db_default="", default="", max_length=128),
        ),
        migrations.AddField(
            model_name="platformkey",
            name="sealed_values",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="accountkey",
            name="state",
            field=models.CharField(
                choices=[("active", "Active"), ("retired", "Retired"), ("destroyed", "Destroyed")],
                default="active",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="platformkey",
            name="state",
            field=models.CharField(
                choices=[("active", "Active"), ("retired", "Retired"), ("destroyed", "Destroyed")],
                default="active",
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="KeyRotation",
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
                        choices=[("root", "Root key"), ("accounts", "Protection keys of accounts")],
                        max_length=16,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("succeeded", "Succeeded"), ("failed", "Failed")],
                        default="running",
                        max_length=16,
                    ),
                ),
                ("only", models.UUIDField(null=True)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("actor_kind", models.CharField(max_length=16)),
                ("actor_id", models.CharField(blank=True, max_length=64)),
                ("actor_label", models.CharField(max_length=160)),
                ("total", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
                ("rewrapped", models.PositiveBigIntegerField(default=0)),
                ("unopened", models.PositiveIntegerField(default=0)),
                ("after", models.UUIDField(null=True)),
                ("error", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "running")),
                        fields=("state",),
                        name="accounts_keyrotation_one_running",
                    )
                ],
            },
        ),
        migrations.RunSQL(POLICIES, DROP_POLICIES),
    ]
