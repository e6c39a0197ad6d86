"""Tiles that change though nothing was heard: somebody steers the call, or it waits for a person."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import DateTimeField, ExpressionWrapper, F, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from calls import board
from calls.models import Call, Phase
from calls.shapes import viewings_of, with_related


def show(call_id: UUID) -> None:
    """Put a live call on the board as it is now. Call it after the commit of what has changed."""
    # The version on the board has to grow, whichever machine's clock wrote it last.
    later = ExpressionWrapper(F("updated_at") + Value(timedelta(microseconds=1)), output_field=DateTimeField())
    live = Call.objects.filter(pk=call_id).exclude(phase=Phase.ENDED)
    if live.update(updated_at=Greatest(later, Value(timezone.now(), output_field=DateTimeField()))):
        call = with_related(Call.objects.filter(pk=call_id)).get()
        board.show([board.entry(call, viewings_of([call_id]).get(call_id))])
