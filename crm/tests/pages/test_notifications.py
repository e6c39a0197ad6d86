from __future__ import annotations

import json

import pytest

from crm import notices
from crm.models import Notice, NoticeKind, NoticeWishes
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(client):
    person = factories.agent(full_name="Ana Reyes", team=factories.team())
    client.force_login(person)
    return person


def tell(person, key="k", **fields):
    notices.notify([person], "assigned", kind=NoticeKind.ASSIGNMENT, key=key, data={"by": "Dana"}, **fields)
    return Notice.objects.get(person=person, key=key)


def test_the_page_groups_by_lead_and_says_why(client, ana):
    lead = factories.lead(full_name="Sara Santos", owner=ana)
    tell(ana, "1", lead=lead)
    tell(ana, "2", lead=lead)
    tell(factories.agent(full_name="Other"), "3", lead=lead)

    html = client.get("/notifications").content.decode()

    assert html.count("Dana gave you Sara Santos") == 2
    assert html.count('class="notice-group') == 1
    assert "Why: You are the owner now." in html


@pytest.mark.parametrize("count", [1, 4])
def test_the_number_of_queries_is_the_same_for_any_number_of_lines(client, ana, count, django_assert_num_queries):
    for number in range(count):
        tell(ana, str(number), lead=factories.lead(owner=ana))
    # Session and person; the tab's count, the rows; the counts of two places.
    with django_assert_num_queries(6):
        client.get("/notifications")


def test_empty_pages_say_what_is_missing(client, ana):
    assert "Nothing is unread." in client.get("/notifications").content.decode()
    assert "Nobody has told you anything yet." in client.get("/notifications?show=all").content.decode()


def test_reading_all_can_be_undone(client, ana):
    other = tell(factories.agent(), "other")
    for key in "ab":
        tell(ana, key)

    answer = client.post("/notifications/read", headers={"HX-Request": "true"})

    toast = json.loads(answer["HX-Trigger"])["toast"]
    assert toast["text"] == "2 notifications read."
    assert notices.unread(ana).count() == 0
    other.refresh_from_db()
    assert other.read_at is None

    assert client.post(toast["undo"], headers={"HX-Request": "true"})["HX-Trigger"] == "undone"
    assert notices.unread(ana).count() == 2


def test_one_lead_is_read_and_the_rest_stays(client, ana):
    lead = factories.lead(owner=ana)
    tell(ana, "1", lead=lead)
    stays = [tell(ana, "2", lead=factories.lead(owner=ana)), tell(ana, "3")]

    client.post("/notifications/read", {"lead": lead.pk})
    assert set(notices.unread(ana)) == set(stays)
    client.post("/notifications/read", {"lead": "0"})
    assert set(notices.unread(ana)) == set(stays[:1])


@pytest.mark.parametrize("at", ["", "rubbish", "2027-13-45T00:00:00Z", "2027-01-01T00:00:00"])
def test_an_undo_that_is_none_of_ours_does_not_exist(client, ana, at):
    assert client.post(f"/notifications/unread?at={at}").status_code == 404


def test_a_number_that_is_none_does_not_exist(client, ana):
    assert client.post("/notifications/read", {"lead": "x"}).status_code == 404


def test_news_alerts_of_what_is_new_to_the_browser(client, ana):
    first = tell(ana, "1")
    second = tell(ana, "2")

    assert client.get("/notifications/news").json() == {
        "unread": 2, "newest": second.pk, "sound": False, "alerts": []
    }  # fmt: skip
    alerts = client.get(f"/notifications/news?after={first.pk}").json()["alerts"]
    assert [alert["id"] for alert in alerts] == [second.pk]
    assert client.get("/notifications/news?after=rubbish").json()["alerts"] == []


def test_wishes_are_kept(client, ana):
    wanted = {"hot_lead": ["page", "email", "pigeon"], "quiet_from": "22:00", "quiet_until": "07:00", "sound": "on"}
    assert client.post("/notifications/wishes", wanted).status_code == 302

    wishes = NoticeWishes.objects.get(person=ana)
    assert (wishes.channels["hot_lead"], wishes.channels["sla"]) == (["page", "email"], [])
    assert wishes.sound
    assert "Quiet from" in client.get("/notifications?show=wishes").content.decode()


def test_what_a_save_replaced_comes_back_for_the_same_person_only(client, ana):
    first = {"hot_lead": ["page"], "quiet_from": "22:00", "quiet_until": "07:00", "sound": "on"}
    client.post("/notifications/wishes", first)
    before = NoticeWishes.objects.values().get(person=ana)
    answer = client.post("/notifications/wishes", {"hot_lead": ["email"]}, headers={"HX-Request": "true"})
    undo = json.loads(answer["HX-Trigger"])["toast"]["undo"]
    assert NoticeWishes.objects.values().get(person=ana) != before

    client.force_login(factories.agent())
    assert client.post(undo).status_code == 404
    client.force_login(ana)
    assert client.post("/notifications/wishes/undo?was=forged").status_code == 404
    assert client.post(undo).status_code == 302

    assert list(NoticeWishes.objects.values()) == [before]


def test_half_a_quiet_hour_is_refused_in_words(client, ana):
    answer = client.post("/notifications/wishes", {"quiet_from": "22:00"})
    assert answer.status_code == 422
    assert "Give both ends of the quiet hours, or neither." in answer.content.decode()
    assert not NoticeWishes.objects.exists()


@pytest.mark.parametrize("path", ["/notifications", "/notifications/news"])
def test_the_signed_out_are_sent_to_the_door(client, path):
    assert client.get(path).status_code == 302
