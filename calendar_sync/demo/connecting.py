"""Connect people to the stand-in for Microsoft 365, through the same doors as everybody.

The stand-in forgets everything when it ends. So each start begins with forgetting what was connected to an earlier one,
and connects the same people again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

import httpx
from django.conf import settings
from django.db.models import Q

from calendar_sync import choice, connect
from calendar_sync.models import Connection
from calendar_sync.sandbox.demo import PEOPLE
from calendar_sync.sandbox.mailbox import TENANT_ID
from calendar_sync.sandbox.signin import DECISION, PERSON
from crm.errors import CrmError, PermanentError, TransientError
from crm.models import Agent

logger = logging.getLogger(__name__)

# It is started beside us and needs a moment.
PATIENCE_SECONDS = 8.0
SESSION = "demo"


def connect_demo() -> int:
    """Connect the demo's people to the stand-in that the settings name, if any; return how many are connected."""
    before = forget_stand_in()
    mailboxes = _mailboxes(settings.MS_SANDBOX_URL) if settings.MS_SANDBOX_URL else set()
    of_demo = Q(is_demo=True, email__in=[address for address, _name in PEOPLE])
    wanted = Agent.objects.filter(of_demo | Q(pk__in=before), is_active=True)
    accounts = {agent: before.get(agent.pk, agent.email) for agent in wanted}
    return sum(_connect(agent, address) for agent, address in accounts.items() if address in mailboxes)


def forget_stand_in() -> dict[int, str]:
    """Forget every connection to a stand-in; return whose they were and to which address."""
    rows = Connection.objects.filter(tenant_id=TENANT_ID).select_related("agent")
    before = {row.agent_id: row.email for row in rows}
    # Nobody is there any more who could be told.
    rows.update(status="error")
    for agent in _agents(before):
        choice.disconnect(agent)
    return before


def _agents(ids: Iterable[int]) -> Iterable[Agent]:
    return Agent.objects.filter(pk__in=list(ids))


def _mailboxes(url: str) -> set[str]:
    """Return whose mailboxes there are at the stand-in, once it answers."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            return set(httpx.get(f"{url}/_sandbox/state", timeout=2, trust_env=False).json()["mailboxes"])
        except httpx.TransportError:
            time.sleep(0.05)
    logger.warning("The stand-in for Microsoft 365 does not answer at %s: the demo goes on without it.", url)
    return set()


def _connect(agent: Agent, address: str) -> bool:
    """Sign in as the person would: to the page, agree, and back."""
    try:
        page = connect.start(agent, SESSION)
        agreed = {PERSON: address, DECISION: "accept"}
        answer = httpx.get(page, params=dict(parse_qsl(urlsplit(page).query)) | agreed, trust_env=False)
        back = dict(parse_qsl(urlsplit(answer.headers.get("location", "")).query))
        connection = connect.finish(agent, SESSION, back)
        choice.refresh_calendars(connection)
    except (CrmError, TransientError, PermanentError, httpx.HTTPError) as exc:
        logger.warning("Agent %s was not connected to the stand-in: %r", agent.pk, exc)
        return False
    return True
