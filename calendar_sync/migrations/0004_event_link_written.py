from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calendar_sync", "0003_placed_by"),
    ]

    operations = [
        migrations.AddField(
            model_name="eventlink",
            name="written",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
