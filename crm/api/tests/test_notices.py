"""What one wants to be told, for programs."""

from __future__ import annotations

import pytest

from crm.api.tests.conftest import problem
from crm.models import Lead, NoticeKind, NoticeWishes
from crm.notices import notify

NOTICES, WISHES = "/api/v1/notices", "/api/v1/notices/wishes"


def test_wishes_begin_with_what_everybody_gets_and_are_changed_one_kind_at_a_time(agent_api, agent) -> None:
    first = agent_api.get(WISHES)
    wanted = {"channels": {"sla": ["email", "page", "email"]}, "quiet_from": "21:00", "quiet_until": "07:00"}
    changed = agent_api.patch(WISHES, wanted, HTTP_IF_MATCH=first["ETag"])

    assert first.json()["channels"]["hot_lead"] == ["page", "browser"]
    assert changed.json() == {
        "channels": first.json()["channels"] | {"sla": ["page", "email"]},
        "quiet_from": "21:00", "quiet_until": "07:00", "sound": False,
    }  # fmt: skip
    assert problem(agent_api.patch(WISHES, wanted, HTTP_IF_MATCH=first["ETag"])) == (412, "precondition_failed")
    assert NoticeWishes.objects.get(person=agent).wants("sla", "email")


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": {"weather": ["page"]}}, {"channels": {"sla": ["pigeon"]}}, {"channels": []},
        {"quiet_from": "21:00"}, {"quiet_from": "25:00", "quiet_until": "07:00"},
    ],
)  # fmt: skip
def test_wishes_nobody_can_fulfil_are_refused(agent_api, wrong: dict) -> None:
    assert problem(agent_api.patch(WISHES, wrong)) == (400, "invalid")
    assert not NoticeWishes.objects.exists()


def test_what_is_about_one_lead_is_ticked_off_alone(agent_api, agent, lead) -> None:
    other = Lead.objects.create(phone="+13125550177")
    for number, about in enumerate([lead, other, None]):
        notify([agent], "assigned", kind=NoticeKind.ASSIGNMENT, key=f"k{number}", lead=about, data={"by": "Mo"})

    assert agent_api.post(f"{NOTICES}/read", {"lead": lead.pk}).json() == {"read": 1}
    assert agent_api.post(f"{NOTICES}/read", {"lead": None}).json() == {"read": 1}
    assert agent_api.post(f"{NOTICES}/read").json() == {"read": 1}
