"""The Graph client against the stand-in: what it sends, what it makes of the answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from calendar_sync.errors import AlreadyThere, Changed, Gone, Refused, ResyncNeeded, Unavailable
from calendar_sync.graph import EventDraft, Graph, RemoteEvent
from calendar_sync.refusals import retry_after
from calendar_sync.remote import TAG_ID, read_event
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.tests.conftest import ADA

NINE = datetime(2026, 11, 24, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEEK = (NINE - timedelta(days=1), NINE + timedelta(days=6))


@pytest.fixture
def outlook(sandbox):
    return sandbox.outlook(ADA)


@pytest.fixture
def calendar_id(outlook):
    return outlook.mailbox.default_calendar.id


def client_of(sandbox, address=ADA, **values):
    def token(connection_id, *, min_seconds=300):
        return sandbox.entra.token_for(address)

    values = {"token_source": token, "http": httpx.Client(transport=sandbox.transport()), **values}
    return Graph(1, **values)


@pytest.fixture
def graph_client(sandbox):
    return client_of(sandbox)


def draft(**changes):
    values = {
        "subject": "Viewing",
        "body": "Lead: Grace Hopper",
        "starts_at": NINE,
        "ends_at": NINE + HOUR,
        "place": "12 Elm Street",
        "tag": "7:1",
        "transaction_id": "c0ffee00-0000-5000-8000-000000000001",
    }
    return EventDraft(**values | changes)


def pages(client, calendar_id, **values):
    events, removed, link = [], [], None
    for page in client.delta_pages(calendar_id, **values):
        events, removed, link = events + page.events, removed + page.removed_ids, page.delta_link
    return events, removed, link


def test_calendars_are_listed_with_the_shared_ones(graph_client, outlook):
    family = outlook.add_calendar("Family", can_edit=False, owner=("Bob", "bob@northside.example"))

    own, shared = graph_client.list_calendars()

    assert (own.name, own.is_default, own.can_edit, own.owner_address) == ("Calendar", True, True, ADA)
    assert (shared.id, shared.is_default, shared.can_edit) == (family.id, False, False)
    assert shared.owner_address == "bob@northside.example"


def test_a_view_is_read_to_its_last_page(graph_client, outlook, calendar_id):
    ids = outlook.import_events((str(n), NINE + n * HOUR / 4, NINE + n * HOUR / 4 + HOUR) for n in range(230))

    found = graph_client.calendar_view(calendar_id, NINE, NINE + timedelta(days=4))

    assert [event.id for event in found] == ids
    assert found[0].starts_at == NINE
    assert found[0].subject == ""


def test_an_empty_page_is_not_the_end(sandbox, graph_client, outlook, calendar_id):
    outlook.create("event", NINE, NINE + HOUR)
    sandbox.faults.add(Fault(Kind.EMPTY_PAGE), times=2)

    assert len(graph_client.calendar_view(calendar_id, *WEEK)) == 1


def test_a_round_gives_what_is_there_then_what_changed(graph_client, outlook, calendar_id):
    kept = outlook.create("kept", NINE, NINE + HOUR)
    gone = outlook.create("gone", NINE, NINE + HOUR)
    events, removed, link = pages(graph_client, calendar_id, starts_at=WEEK[0], ends_at=WEEK[1])
    assert ({event.id for event in events}, removed) == ({kept, gone}, [])

    outlook.delete(gone)
    events, removed, link = pages(graph_client, calendar_id, link=link)

    assert (events, removed) == ([], [gone])
    assert pages(graph_client, calendar_id, link=link)[:2] == ([], [])


@pytest.mark.parametrize("status", [400, 410])
def test_a_forgotten_round_asks_for_all_anew(sandbox, graph_client, calendar_id, status):
    sandbox.faults.add(Fault(Kind.REFUSED, status=status, code="SyncStateNotFound"))

    with pytest.raises(ResyncNeeded):
        pages(graph_client, calendar_id, starts_at=WEEK[0], ends_at=WEEK[1])


def test_a_link_is_followed_on_graphs_own_host_only(sandbox, calendar_id):
    asked = []

    def elsewhere(request):
        asked.append(request.url.host)
        return httpx.Response(
            200, json={"value": [], "@odata.nextLink": "https://graph.microsoft.com.evil.example/v1.0/x"}
        )

    client = client_of(sandbox, http=httpx.Client(transport=httpx.MockTransport(elsewhere)))
    with pytest.raises(Refused, match="leads away"):
        client.calendar_view(calendar_id, *WEEK)
    with pytest.raises(Refused, match="leads away"):
        next(client.delta_pages(calendar_id, link="https://graph.microsoft.com@evil.example/v1.0/me"))
    assert asked == ["graph.microsoft.com"]


def test_a_host_that_begins_like_graphs_is_another(sandbox, settings):
    settings.GRAPH_URL = "https://graph.example"

    with pytest.raises(Refused, match="leads away"):
        next(client_of(sandbox).delta_pages("x", link="https://graph.example.evil/me"))
    assert sandbox.graph.log == []


def test_an_event_is_made_found_changed_and_deleted(graph_client, calendar_id, sandbox):
    made = graph_client.create_event(calendar_id, draft())
    assert (made.starts_at, made.ends_at, made.show_as) == (NINE, NINE + HOUR, "busy")

    found = graph_client.find_by_tag("7:1")
    assert [event.id for event in found] == [made.id]
    assert found[0].tag == graph_client.get_event(made.id).tag == "7:1"
    assert graph_client.find_by_tag("7:2") == []

    moved = graph_client.update_event(made.id, draft(starts_at=NINE + HOUR, ends_at=NINE + 2 * HOUR), etag=made.etag)
    assert moved.starts_at == NINE + HOUR
    with pytest.raises(Changed):
        graph_client.update_event(made.id, draft(), etag=made.etag)

    graph_client.delete_event(made.id)
    graph_client.delete_event(made.id)
    assert graph_client.get_event(made.id) is None
    with pytest.raises(Gone):
        graph_client.update_event(made.id, draft())
    with pytest.raises(AlreadyThere):
        graph_client.create_event(calendar_id, draft())


def test_the_same_transaction_again_is_the_same_event(graph_client, calendar_id):
    assert graph_client.create_event(calendar_id, draft()) == graph_client.create_event(calendar_id, draft())


def test_an_id_of_another_mailbox_is_nothing_here(sandbox, graph_client, calendar_id):
    """odoo/odoo#148011: wrong person's id, eternal 404s."""
    sandbox.add_person("bob@northside.example")
    made = graph_client.create_event(calendar_id, draft())
    bob = client_of(sandbox, "bob@northside.example")

    assert bob.get_event(made.id) is None
    with pytest.raises(Gone):
        bob.update_event(made.id, draft())
    assert graph_client.get_event(made.id) is not None


TELLS_WHEN = {Kind.UNAVAILABLE_BEFORE, Kind.UNAVAILABLE_AFTER, Kind.THROTTLED}


@pytest.mark.parametrize("kind", [Kind.DROP, Kind.DROP_BEFORE, Kind.HTML, Kind.TRUNCATED, *sorted(TELLS_WHEN)])
def test_what_may_pass_is_unavailable(sandbox, graph_client, calendar_id, kind):
    sandbox.faults.add(Fault(kind, retry_after="2.128"))

    with pytest.raises(Unavailable) as caught:
        graph_client.create_event(calendar_id, draft())

    assert caught.value.retry_after == (2.128 if kind in TELLS_WHEN else None)
    assert len(sandbox.graph.log) == 1


def test_a_success_that_is_no_json_is_unavailable(sandbox):
    page = httpx.MockTransport(lambda request: httpx.Response(200, text="<html>Sign in to the Wi-Fi</html>"))
    client = client_of(sandbox, http=httpx.Client(transport=page))

    with pytest.raises(Unavailable):
        client.list_calendars()


@pytest.mark.parametrize("payload", [{}, {"value": None}, {"value": [{"id": "x"}]}, {"value": ["x"]}, [], "x"])
def test_an_answer_that_makes_no_sense_is_unavailable_and_never_an_empty_calendar(sandbox, calendar_id, payload):
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=payload))
    client = client_of(sandbox, http=httpx.Client(transport=transport))

    with pytest.raises(Unavailable):
        client.calendar_view(calendar_id, *WEEK)


FAR = {
    "id": "e",
    "start": {"dateTime": "0001-01-01T00:00", "timeZone": "Asia/Tokyo"},
    "end": {"dateTime": "2026-11-24"},
}


@pytest.mark.parametrize(
    "answer",
    [
        {"content": b"not zipped", "headers": {"Content-Encoding": "gzip"}},
        {"content": b"[" * 200_000},
        {"json": {"value": [7]}},
        {"json": {"value": [None]}},
        {"json": {"value": [{"@removed": {"reason": "deleted"}}]}},
        {"json": {"value": [FAR]}},
        {"json": {"value": [], "@odata.nextLink": None}},
        {"json": {"value": [], "@odata.nextLink": 7}},
        {"json": {"value": [], "@odata.nextLink": "https://graph.microsoft.com/v1.0/\0"}},
    ],
)
def test_garbage_is_unavailable_and_no_other_error(sandbox, calendar_id, answer):
    def garbage(request: httpx.Request) -> httpx.Response:
        content = answer.get("content")
        return httpx.Response(
            200, **answer | ({"content": None, "stream": httpx.ByteStream(content)} if content else {})
        )

    client = client_of(sandbox, http=httpx.Client(transport=httpx.MockTransport(garbage)))

    with pytest.raises(Unavailable):
        pages(client, calendar_id, starts_at=WEEK[0], ends_at=WEEK[1])


def test_a_round_without_an_end_is_unavailable(sandbox, calendar_id):
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"value": []}))
    client = client_of(sandbox, http=httpx.Client(transport=transport))

    with pytest.raises(Unavailable):
        pages(client, calendar_id, starts_at=WEEK[0], ends_at=WEEK[1])


def test_a_token_that_is_not_taken_is_renewed_once(sandbox, graph_client, calendar_id):
    sandbox.faults.add(Fault(Kind.TOKEN_EXPIRED))
    assert graph_client.calendar_view(calendar_id, *WEEK) == []

    sandbox.faults.add(Fault(Kind.TOKEN_EXPIRED), times=2)
    with pytest.raises(Refused) as caught:
        graph_client.calendar_view(calendar_id, *WEEK)
    assert (caught.value.status, caught.value.code) == (401, "InvalidAuthenticationToken")


def test_a_refusal_has_its_status_and_code(sandbox, graph_client):
    sandbox.close_mailbox(ADA, "MailboxNotEnabledForRESTAPI")

    with pytest.raises(Refused) as caught:
        graph_client.list_calendars()

    assert (type(caught.value), caught.value.status) == (Refused, 403)
    assert caught.value.code == "MailboxNotEnabledForRESTAPI"


def test_no_error_tells_a_token_or_an_id(sandbox, graph_client, calendar_id):
    sandbox.faults.add(Fault(Kind.HTML))
    path = f"me/calendars/{calendar_id}/calendarView/delta"

    with pytest.raises(Unavailable) as caught:
        next(graph_client.delta_pages(calendar_id, link=f"https://graph.microsoft.com/v1.0/{path}?$deltatoken=secret"))

    assert str(caught.value) == f"GET /me/calendars/{calendar_id[:6]}…/calendarView/delta: HTTP 502"


def test_subscriptions_are_made_listed_renewed_and_deleted(sandbox, graph_client, calendar_id):
    sandbox.subscriptions.post = lambda url, payload, seconds: (200, httpx.URL(url).params["validationToken"])
    resource, url = f"me/calendars/{calendar_id}/events", "https://pete.example/calendar/notifications"
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)

    made = graph_client.create_subscription(resource, notification_url=url, client_state="s", expires_at=ends)
    assert (made.resource, made.notification_url, made.expires_at) == (resource, url, ends)
    assert graph_client.list_subscriptions() == [made]
    renewed = graph_client.renew_subscription(made.id, expires_at=ends + HOUR)
    assert renewed.expires_at == ends + HOUR
    graph_client.delete_subscription(made.id)
    graph_client.delete_subscription(made.id)
    with pytest.raises(Gone):
        graph_client.renew_subscription(made.id, expires_at=ends)


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("2.128", 2.128),
        ("-3", 0.0),
        ("1e300", 3600.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ("Fri, 31 Dec 999999 23:59:59 GMT", None),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_is_seconds_fractions_or_a_date(value, seconds):
    assert retry_after(value, now=NOON) == seconds


def event_json(**changes):
    start = {"dateTime": "2026-11-24T15:00:00.0000000", "timeZone": "UTC"}
    end = {"dateTime": "2026-11-24T16:00:00.0000000", "timeZone": "UTC"}
    return {"id": "x", "start": start, "end": end} | changes


def test_an_occurrence_in_a_round_says_little():
    assert read_event(event_json(type="occurrence", seriesMasterId="m")) == RemoteEvent(
        "x", NINE, NINE + HOUR, date(2026, 11, 24), date(2026, 11, 24), type="occurrence", series_master_id="m"
    )


@pytest.mark.parametrize("name", ["Customized Time Zone", "tzone://Microsoft/Custom", "Mars/Olympus"])
def test_an_unknown_zone_name_does_not_spoil_the_listing(settings, name):
    """O365/python-o365#238: an unknown zone name crashes the whole listing."""
    settings.OFFICE_TZ = ZoneInfo("America/Chicago")
    start = {"dateTime": "2026-11-24T09:00:00.0000000", "timeZone": name}

    assert read_event(event_json(start=start)).starts_at == NINE


@pytest.mark.parametrize("name", ["Central Standard Time", "America/Chicago"])
def test_a_zone_that_was_not_asked_for_is_understood(name):
    start = {"dateTime": "2026-11-24T09:00:00.0000000", "timeZone": name}

    assert read_event(event_json(start=start)).starts_at == NINE


def test_the_tag_is_one_guid_for_ever():
    assert TAG_ID == "String {7d3f0c52-2a0e-4b8e-9a77-5d0c1be0a4f1} Name PeteBooking"
