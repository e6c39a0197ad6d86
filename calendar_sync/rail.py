"""What the rail shows beside People."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from calendar_sync.models import Notice, NoticeKind
from crm.api.permissions import may_manage
from crm.models import Agent
from crm.pages.places import Count


def people_to_look_at(person: Agent) -> Count:
    """Count the people whose calendar a manager, or the agent concerned, should look at."""
    rows = Notice.objects.filter(resolved_at=None).exclude(kind=NoticeKind.MOVED)
    rows = rows if may_manage(person) else rows.filter(agent=person)
    return Count(rows.values("agent").distinct().count(), _("people whose calendar needs attention"), is_bad=True)
