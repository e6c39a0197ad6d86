from __future__ import annotations

import uuid
from datetime import date

import pytest
from django.db import transaction

from calls import projection
from crm import booking
from crm.tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
CALL = uuid.UUID(int=7)


@pytest.fixture
def touched(monkeypatch):
    calls = []
    monkeypatch.setattr(projection, "touch", calls.append)
    return calls


@pytest.fixture
def viewing():
    agent = factories.agent()
    day = factories.at(date(2027, 6, 3), 10)
    return factories.appointment(agent, factories.listing(agent), day, call_id=CALL)


def test_a_viewing_cancelled_by_staff_is_shown_anew_on_its_call(touched, viewing) -> None:
    with transaction.atomic():
        booking.cancel(viewing.pk, reason="The owner is ill")
        assert touched == []

    assert touched == [CALL]


def test_a_viewing_that_no_call_made_touches_none(touched, viewing) -> None:
    viewing.call_id = None
    viewing.save()

    booking.cancel(viewing.pk)

    assert touched == []
