"""The language in which a target's letters and problems are written."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("projects", "0012_platform_reviews_outside_scopes")]

    operations = [
        migrations.AddField(
            model_name=name,
            name="language",
            field=models.CharField(db_default="en", default="en", max_length=8),
        )
        for name in ("auditforward", "platformforward")
    ]
