import pytest
from django.conf import settings
from django.db import connection


@pytest.mark.django_db
def test_runs_on_postgresql_18_with_the_extensions_pete_needs():
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        version = int(cursor.fetchone()[0])
        cursor.execute("SELECT name FROM pg_available_extensions WHERE name IN ('btree_gist', 'pg_trgm') ORDER BY 1")
        names = [name for (name,) in cursor.fetchall()]

    assert (version // 10_000, names) == (18, ["btree_gist", "pg_trgm"])
    assert settings.AUTH_USER_MODEL == "crm.Agent"
