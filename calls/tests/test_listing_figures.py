"""A call about a home takes it off the quiet ones, in the list as in its own figures."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from calls.models import Call, call_pk
from crm import listing_health
from crm.models import Listing
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("days", "is_quiet"), [(13, False), (15, True)])
def test_a_home_is_quiet_two_weeks_after_the_last_call_about_it(days: int, is_quiet: bool):
    now = timezone.now()
    home = factories.listing()
    Listing.objects.update(created_at=now - timedelta(days=40))
    Call.objects.create(id=call_pk("c"), vapi_id="c", listing=home, created_at=now - timedelta(days=days))
    home.refresh_from_db()

    assert listing_health.quiet(Listing.objects.all(), now).exists() == is_quiet
    assert listing_health.health([home], now)[home.pk].is_quiet == is_quiet
