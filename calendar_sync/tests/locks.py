"""Who must wait for whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from django.db import OperationalError, connection, transaction

from crm.models import Agent


def bookable(agent: Agent) -> bool:
    """Say whether somebody else could take the lock that orders the bookings of an agent, at this moment."""

    def take() -> bool:
        try:
            with transaction.atomic():
                Agent.objects.select_for_update(no_key=True, nowait=True).get(pk=agent.pk)
        except OperationalError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(take).result()
