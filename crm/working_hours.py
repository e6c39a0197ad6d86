"""The weekly hours in which an agent shows homes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db import transaction

from crm.models import Agent, WorkingHours


@transaction.atomic
def replace_working_hours(*, agent: Agent, stretches: Iterable[Mapping[str, int]]) -> None:
    """Make `stretches` ({"weekday", "start_minute", "end_minute"}) the agent's whole week."""
    # Two at once would otherwise both delete the old week and both insert a new one.
    Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
    WorkingHours.objects.filter(agent=agent).delete()
    WorkingHours.objects.bulk_create(WorkingHours(agent=agent, **stretch) for stretch in stretches)
