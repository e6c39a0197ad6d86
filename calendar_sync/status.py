"""What the centre is told about an agent's calendar: crm.calendar_status asks here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from calendar_sync.models import Connection
from crm.calendar_status import CalendarStatus

PROVIDER = "microsoft"


def statuses(agent_ids: Sequence[int]) -> Mapping[int, CalendarStatus]:
    """Return how the calendars of those agents stand who have connected one."""
    rows = Connection.objects.filter(agent__in=agent_ids).values_list("agent_id", "status", "last_synced_at")
    return {agent_id: CalendarStatus(PROVIDER, status, synced_at) for agent_id, status, synced_at in rows}
