from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calls", "0005_control_tower")]

    operations = [
        migrations.AddField("controlaction", "ended_at", models.DateTimeField(blank=True, editable=False, null=True)),
    ]
