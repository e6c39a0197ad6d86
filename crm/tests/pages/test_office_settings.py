from __future__ import annotations

import json
from datetime import date

import pytest

from crm.models import Closure, OfficeSettings, Role, WorkingHours
from crm.tests import factories

pytestmark = pytest.mark.django_db
RULES = {
    "viewing_minutes": 45,
    "slot_step_minutes": 15,
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 10,
    "minimum_notice_minutes": 60,
    "horizon_days": 30,
    "daily_cap": "",
    "hold_seconds": 180,
}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def boss(client):
    person = factories.agent(role=Role.MANAGER)
    client.force_login(person)
    return person


@pytest.mark.parametrize("section", ["rules", "hours", "closures", "retention", "look", "nonsense"])
def test_everybody_sees_and_only_managers_change(client, section):
    client.force_login(factories.agent())

    html = client.get(f"/settings?section={section}").content.decode()

    assert "A manager can change it." in html
    assert ">Save<" not in html
    assert client.post(f"/settings/{section}", RULES).status_code == 403
    assert client.post("/settings/closures", {}).status_code == 403
    assert client.post("/settings/hours/give").status_code == 403


def test_rules_are_kept_and_the_undo_puts_them_back(client, boss):
    answer = client.post("/settings/rules", RULES, headers=HTMX)

    office = OfficeSettings.load()
    assert (office.viewing_minutes, office.slot_step_minutes, office.daily_cap) == (45, 15, None)
    undo = json.loads(answer["HX-Trigger"])["toast"]["undo"]
    assert client.post(undo, headers=HTMX)["HX-Trigger"] == "undone"
    assert OfficeSettings.load().viewing_minutes == 30
    assert client.post("/settings/rules/undo?was=forged").status_code == 404


def test_bad_input_is_said_at_its_field_and_nothing_is_written(client, boss):
    answer = client.post("/settings/rules", RULES | {"viewing_minutes": "0", "hold_seconds": "x"})

    html = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="id_viewing_minutes_error"' in html
    assert 'aria-describedby="id_viewing_minutes_helptext id_viewing_minutes_error"' in html
    assert OfficeSettings.load().horizon_days == 60


def test_nothing_changed_needs_no_undo(client, boss):
    client.post("/settings/rules", RULES)
    toast = json.loads(client.post("/settings/rules", RULES, headers=HTMX)["HX-Trigger"])["toast"]
    assert toast == {"text": "Nothing was changed.", "undo": "", "tone": ""}


def test_office_hours_are_given_to_those_who_have_none(client, boss):
    WorkingHours.objects.create(agent=boss, weekday=0, start_minute=60, end_minute=120)
    nobody = factories.agent(full_name="Nora New")
    client.post("/settings/hours", {"start_0": "09:00", "end_0": "17:30"})
    assert OfficeSettings.load().default_hours == [{"weekday": 0, "start": "09:00", "end": "17:30"}]
    assert "Nora New" in client.get("/settings?section=hours").content.decode()

    answer = client.post("/settings/hours/give", headers=HTMX)

    (row,) = nobody.working_hours.all()
    assert (row.weekday, row.start_minute, row.end_minute) == (0, 540, 1050)
    assert boss.working_hours.count() == 1

    client.post(json.loads(answer["HX-Trigger"])["toast"]["undo"])
    assert not nobody.working_hours.exists()
    assert boss.working_hours.count() == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"start_1": "09:00"}, "Give both times, or neither for a closed day."),
        ({"start_1": "17:00", "end_1": "09:00"}, "The day must end after it begins."),
    ],
)
def test_a_day_needs_both_ends_in_order(client, boss, data, words):
    answer = client.post("/settings/hours", data)
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_closures_come_and_go(client, boss):
    day = {"starts_on": "2027-12-24", "ends_on": "2027-12-26", "reason": "Holidays"}
    answer = client.post("/settings/closures", day, headers=HTMX)
    assert [(row.starts_on, row.ends_on) for row in Closure.objects.all()] == [(date(2027, 12, 24), date(2027, 12, 26))]

    client.post(json.loads(answer["HX-Trigger"])["toast"]["undo"])
    assert not Closure.objects.exists()


def test_a_closure_that_was_taken_away_comes_back_once(client, boss):
    closure = factories.closure(date(2027, 12, 24), date(2027, 12, 26), reason="Holidays")
    answer = client.post(f"/settings/closures/{closure.pk}/remove", headers=HTMX)
    undo = json.loads(answer["HX-Trigger"])["toast"]["undo"]
    assert not Closure.objects.exists()

    client.post(undo)
    client.post(undo)

    (row,) = Closure.objects.all()
    assert (row.starts_on, row.ends_on, row.reason) == (closure.starts_on, closure.ends_on, "Holidays")


def test_one_undo_is_not_another(client, boss):
    answer = client.post("/settings/look", {"brand_color": "#1a5e4c"}, headers=HTMX)
    was = json.loads(answer["HX-Trigger"])["toast"]["undo"].partition("?")[2]
    assert client.post(f"/settings/closures/restore?{was}").status_code == 404
    assert client.post(f"/settings/hours/take-back?{was}").status_code == 404
    assert client.post("/settings/closures/restore?was=forged").status_code == 404


def test_closures_are_checked(client, boss):
    day = {"starts_on": "2027-12-24", "ends_on": "2027-12-26", "reason": "Holidays"}
    assert client.post("/settings/closures", day | {"ends_on": "2027-12-01"}).status_code == 422


def test_the_brand_is_a_stylesheet_with_an_etag(client, boss):
    client.post("/settings/look", {"brand_color": "#1A5E4C"})

    answer = client.get("/brand.css")

    assert b"--accent:#1a5e4c" in answer.content
    assert client.get("/brand.css", headers={"If-None-Match": answer["ETag"]}).status_code == 304
    assert client.post("/settings/look", {"brand_color": "teal"}).status_code == 422


def test_retention_takes_no_less_than_a_month(client, boss):
    answer = client.post("/settings/retention", {"keep_events_days": "7"})
    assert answer.status_code == 422
    assert client.post("/settings/retention", {"keep_events_days": "90"}).status_code == 302
    assert OfficeSettings.load().keep_events_days == 90
