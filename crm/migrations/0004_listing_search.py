"""Columns and indexes for finding homes by what people wish for."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models

import crm.models.listings

# IMMUTABLE, as generated columns and indexes ask; so nothing here may depend on the server's settings.
FUNCTIONS = r"""
CREATE FUNCTION crm_places_of(address text, neighborhood text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_remove(
    regexp_split_to_array(
        lower(btrim(neighborhood) || ',' || regexp_replace(btrim(address), '^#?[0-9]+[A-Za-z]?\s+', '')),
        '\s*,\s*'
    ),
    ''
);

CREATE FUNCTION crm_words_of(VARIADIC texts text[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('pg_catalog.simple'::regconfig, array_to_string(texts, ' '));
"""
DROP_FUNCTIONS = "DROP FUNCTION crm_words_of(text[]); DROP FUNCTION crm_places_of(text, text);"

VOCABULARY = r"""
CREATE FUNCTION crm_note_places() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO crm_place (name)
    SELECT DISTINCT place FROM new_rows, unnest(new_rows.places) AS place
    WHERE NOT EXISTS (SELECT 1 FROM crm_place WHERE name = place)
    -- In one order, so that two imports do not wait for each other.
    ORDER BY place
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER listing_places_inserted AFTER INSERT ON crm_listing
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION crm_note_places();
CREATE TRIGGER listing_places_updated AFTER UPDATE ON crm_listing
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION crm_note_places();
INSERT INTO crm_place (name) SELECT DISTINCT unnest(places) FROM crm_listing;

-- The names like one of several writings of a place. The threshold is what lets the index find what was misheard.
CREATE FUNCTION crm_places_like(writings text[], most integer) RETURNS TABLE (name text, alike real)
LANGUAGE sql STABLE
SET pg_trgm.word_similarity_threshold = 0.45
AS $$
    SELECT p.name, max(word_similarity(writing, p.name)) AS alike
    FROM unnest(writings) AS writing JOIN crm_place p ON writing <% p.name
    GROUP BY p.name
    ORDER BY alike DESC, max(similarity(writing, p.name)) DESC, p.name
    LIMIT most
$$;
"""
DROP_VOCABULARY = """
DROP FUNCTION crm_places_like(text[], integer);
DROP TRIGGER listing_places_updated ON crm_listing;
DROP TRIGGER listing_places_inserted ON crm_listing;
DROP FUNCTION crm_note_places();
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0003_fill_stage_age")]

    operations = [
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.CreateModel(
            name="Place",
            fields=[("name", models.TextField(primary_key=True, serialize=False))],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["name"], name="place_alike", opclasses=["gin_trgm_ops"]
                    )
                ]
            },
        ),
        migrations.AddField(
            model_name="listing",
            name="places",
            field=models.GeneratedField(
                db_persist=True,
                expression=crm.models.listings.PlacesOf("address", "neighborhood"),
                output_field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None),
            ),
        ),
        migrations.AddIndex(
            model_name="listing",
            index=django.contrib.postgres.indexes.GinIndex(fields=["places"], name="listing_places", fastupdate=False),
        ),
        migrations.AddIndex(
            model_name="listing",
            index=django.contrib.postgres.indexes.GinIndex(
                crm.models.listings.WordsOf("address", "unit", "neighborhood", "property_type", "facts"),
                fastupdate=False,
                name="listing_words",
            ),
        ),
        migrations.AddIndex(
            model_name="listing",
            index=models.Index(
                condition=models.Q(("status", "available")),
                fields=["rent", "id"],
                include=("bedrooms", "pets", "available_on", "property_type"),
                name="listing_to_let_by_rent",
            ),
        ),
        migrations.RunSQL(VOCABULARY, DROP_VOCABULARY),
    ]
