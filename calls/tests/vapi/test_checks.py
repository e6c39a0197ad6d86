"""What the doctor says about the assistants at Vapi."""

from __future__ import annotations

import pytest

from calls.checks import assistants
from calls.tests.vapi.conftest import drifted, in_order
from calls.vapi_sandbox import Fault, Kind
from config.doctor import IllError

pytestmark = pytest.mark.django_db


def test_what_is_right_is_said_to_be(url, vapi):
    vapi.add("assistant", **in_order())

    assert assistants() == "in order at Vapi (assistants, tools and numbers: 1)."


def test_what_differs_has_a_cure(url, vapi):
    vapi.add("assistant", **drifted())

    with pytest.raises(IllError) as caught:
        assistants()

    assert caught.value.finding.startswith("1 of 1 assistants, tools and numbers differ")
    assert caught.value.cure == "Run manage.py sync_assistants --apply."


def test_what_only_a_person_can_mend_is_said(url, vapi):
    row = in_order()
    row["model"]["toolIds"] = ["gone"]
    vapi.add("assistant", **row)

    with pytest.raises(IllError, match="1 need a person"):
        assistants()


@pytest.mark.parametrize(
    ("fault", "cure"),
    [
        (Fault(Kind.REFUSED, status=401), "VAPI_API_KEY"),
        (Fault(Kind.HTML, status=200), "VAPI_API_URL"),
        (Fault(Kind.DROP_BEFORE), "internet"),
    ],
)
def test_why_vapi_could_not_be_asked_is_said(url, vapi, fault, cure):
    vapi.faults.add(fault)

    with pytest.raises(IllError) as caught:
        assistants()

    assert cure in caught.value.cure


def test_without_a_key_nothing_is_asked(settings):
    settings.VAPI_API_KEY = ""

    with pytest.raises(IllError) as caught:
        assistants()

    assert caught.value.finding == "Vapi is not connected."
    assert caught.value.cure.startswith("Set VAPI_API_KEY")
