"""Keep the answer of a stage change on its event, so that the caller waits for one row."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0007_transcript_words"),
    ]

    operations = [
        migrations.AddField(
            model_name="webhookevent",
            name="tool_answer",
            field=models.BinaryField(null=True),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="call",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="calls.call",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(
                condition=models.Q(("tool_answer__isnull", False)), fields=["call"], name="webhook_event_answered"
            ),
        ),
        # Such a row is a little larger than 2 kB, where PostgreSQL begins to compress: a third of its work, while a
        # caller waits. Larger ones are compressed as before.
        migrations.RunSQL(
            "ALTER TABLE calls_webhookevent SET (toast_tuple_target = 4080)",
            "ALTER TABLE calls_webhookevent RESET (toast_tuple_target)",
        ),
    ]
