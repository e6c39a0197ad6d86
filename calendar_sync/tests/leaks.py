"""Everything the database holds, as text, in which to look for what must not be there in clear."""

from __future__ import annotations

from django.apps import apps
from django.db import connection


def everything_stored() -> str:
    """Return all rows of all tables; bytes as the text they would be, sessions decoded."""
    from django.contrib.sessions.models import Session

    parts = [str(session.get_decoded()) for session in Session.objects.all()]
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
            parts += [_text(value) for row in cursor.fetchall() for value in row]
    return "\n".join(parts)


def _text(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin-1")
    return str(value)
