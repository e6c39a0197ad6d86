from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calendar_sync", "0004_event_link_written"),
    ]

    operations = [
        migrations.AddField(
            model_name="connection",
            name="compared_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="is_resting",
            field=models.BooleanField(default=False),
        ),
    ]
