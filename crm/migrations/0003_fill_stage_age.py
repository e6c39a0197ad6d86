from django.db import migrations

# The last line of the timeline that tells of the stage, else when the lead came in.
FILL = """
UPDATE crm_lead SET stage_changed_at = COALESCE(
    (SELECT max(at) FROM crm_timelineentry
     WHERE lead_id = crm_lead.id AND kind = 'change' AND (data ? 'stage' OR data ->> 'field' = 'stage')),
    created_at
)
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0002_stage_age_and_saved_views")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
