"""The platform's own reviews are written outside every account's scope, as the policy now says itself."""

from django.db import migrations

OWN = "account_id IS NULL AND (SELECT platform_reader()) = 'auditor'"
OUTSIDE = f"{OWN} AND (SELECT current_account()) IS NULL"


class Migration(migrations.Migration):
    dependencies = [("projects", "0011_saved_searches")]

    operations = [
        migrations.RunSQL(
            f"ALTER POLICY platform_own ON projects_auditreview USING ({OUTSIDE}) WITH CHECK ({OUTSIDE});",
            f"ALTER POLICY platform_own ON projects_auditreview USING ({OWN}) WITH CHECK ({OWN});",
        )
    ]
