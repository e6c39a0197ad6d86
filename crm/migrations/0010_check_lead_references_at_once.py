from django.db import migrations

# Checked with the statement, a new row that refers to a lead locks it at once: a merge waits for it and moves it too.
CHANGE = r"""
DO $$
DECLARE reference record;
BEGIN
    FOR reference IN
        SELECT conrelid::regclass AS child, conname FROM pg_constraint
        WHERE contype = 'f' AND confrelid = 'crm_lead'::regclass AND conrelid::regclass::text LIKE 'crm\_%'
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY {when}', reference.child, reference.conname);
    END LOOP;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0009_lead_merges")]

    operations = [
        migrations.RunSQL(CHANGE.replace("{when}", "IMMEDIATE"), CHANGE.replace("{when}", "DEFERRED")),
    ]
