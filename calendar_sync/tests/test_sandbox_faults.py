"""What goes wrong in the stand-in, and at which moment: before or after the deed is done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from calendar_sync.sandbox import Fault, Kind
from calendar_sync.sandbox.faults import PASSING
from calendar_sync.tests.conftest import ADA, HEADERS

BODY = {
    "subject": "Viewing",
    "start": {"dateTime": "2026-11-24T15:00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2026-11-24T16:00:00", "timeZone": "UTC"},
}


def code(answer):
    return answer.status_code, answer.json()["error"]["code"]


def count(sandbox):
    return len(sandbox.outlook(ADA).events())


@pytest.fixture
def over_http(graph, sandbox):
    """Ada's client over real sockets."""
    headers = {**HEADERS, "Authorization": f"Bearer {sandbox.entra.token_for(ADA)}"}
    with httpx.Client(base_url=graph.graph_url, headers=headers, timeout=5) as client:
        yield client


@pytest.mark.parametrize(
    ("kind", "error", "events"),
    [
        (Kind.DROP_BEFORE, httpx.RemoteProtocolError, 0),
        (Kind.DROP, httpx.RemoteProtocolError, 1),
        (Kind.TRUNCATED, httpx.RemoteProtocolError, 1),
    ],
)
def test_the_connection_breaks_before_or_after_the_commit(over_http, sandbox, kind, error, events):
    sandbox.faults.add(Fault(kind, method="POST"))

    with pytest.raises(error):
        over_http.post("/me/events", json=BODY)

    assert count(sandbox) == events
    assert over_http.get("/me/events").status_code == 200


def test_the_same_without_sockets(ada, sandbox):
    sandbox.faults.add(Fault(Kind.DROP), Fault(Kind.TRUNCATED))

    with pytest.raises(httpx.ReadError):
        ada.post("/me/events", json=BODY)
    with pytest.raises(httpx.RemoteProtocolError):
        ada.post("/me/events", json=BODY)

    assert count(sandbox) == 2


@pytest.mark.parametrize(("kind", "events"), [(Kind.UNAVAILABLE_BEFORE, 0), (Kind.UNAVAILABLE_AFTER, 1)])
def test_unavailable_hides_whether_it_was_done(ada, sandbox, kind, events):
    sandbox.faults.add(Fault(kind))

    assert code(ada.post("/me/events", json=BODY)) == (503, "ServiceUnavailable")
    assert count(sandbox) == events


def test_a_gateways_page_is_html_and_nothing_was_done(ada, sandbox):
    sandbox.faults.add(Fault(Kind.HTML))

    answer = ada.post("/me/events", json=BODY)

    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert count(sandbox) == 0


def test_a_slow_answer_outlasts_the_callers_patience_and_is_carried_out(over_http, sandbox):
    sandbox.faults.add(Fault(Kind.SLOW, seconds=0.3))

    with pytest.raises(httpx.ReadTimeout):
        over_http.post("/me/events", json=BODY, timeout=0.1)

    # The next request waits for its turn at the state, not for the slow one.
    assert over_http.get("/me").status_code == 200


@pytest.mark.parametrize("retry_after", ["2", "2.128", "Tue, 24 Nov 2026 15:00:00 GMT", None])
def test_throttling_says_how_long_in_any_form(ada, sandbox, retry_after):
    sandbox.faults.add(Fault(Kind.THROTTLED, retry_after=retry_after))

    answer = ada.get("/me/events")

    assert code(answer) == (429, "TooManyRequests")
    assert answer.headers.get("Retry-After") == retry_after


def test_faults_strike_whom_and_what_they_name(ada, sandbox):
    sandbox.add_person("bob@northside.example")
    sandbox.faults.add(Fault(Kind.CONSENT_REVOKED), mailbox="bob@northside.example")
    sandbox.faults.add(Fault(Kind.REFUSED, method="GET", path="/me/calendars", status=404, code="ErrorItemNotFound"))
    bob = {"Authorization": f"Bearer {sandbox.entra.token_for('bob@northside.example')}"}

    assert ada.post("/me/events", json=BODY).status_code == 201
    assert code(ada.get("/me/calendars")) == (404, "ErrorItemNotFound")
    assert ada.get("/me/calendars").status_code == 200
    assert code(ada.get("/me/events", headers=bob)) == (403, "ErrorAccessDenied")
    assert sandbox.faults.pending() == {}


def test_chance_is_the_same_for_the_same_seed_and_ends_when_told(ada, sandbox):
    def run():
        sandbox.faults.by_chance(0.5, seed=7, kinds=[Kind.UNAVAILABLE_BEFORE])
        return [ada.get("/me").status_code for _ in range(20)]

    first = run()

    assert first == run()
    assert {200, 503} == set(first)
    sandbox.faults.clear()
    assert ada.get("/me").status_code == 200
    assert set(PASSING) <= set(Kind)


def test_expired_and_unknown_tokens_are_401(ada, sandbox):
    assert ada.get("/me", headers={"Authorization": "Bearer nonsense"}).status_code == 401
    sandbox.entra.expire_access(ADA)

    answer = ada.get("/me")

    assert code(answer) == (401, "InvalidAuthenticationToken")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_token_without_the_scope_is_403(ada, sandbox):
    reader = {"Authorization": f"Bearer {sandbox.entra.token_for(ADA, 'Calendars.Read')}"}
    nobody = {"Authorization": f"Bearer {sandbox.entra.token_for(ADA, 'User.Read')}"}

    assert ada.get("/me/events", headers=reader).status_code == 200
    assert code(ada.post("/me/events", json=BODY, headers=reader)) == (403, "ErrorAccessDenied")
    assert code(ada.get("/me/events", headers=nobody)) == (403, "ErrorAccessDenied")
    assert ada.get("/me", headers=nobody).status_code == 200


def test_a_withdrawn_consent_closes_the_mailbox_and_the_refresh(ada, sandbox, entra):
    entra.sign_in(ADA)
    sandbox.revoke_consent(ADA)

    assert code(ada.get("/me/calendarView/delta")) == (403, "ErrorAccessDenied")
    assert {token.refused_with for token in sandbox.entra.refresh_tokens.values()} == {65001}


def test_a_mailbox_can_be_closed_and_opened(ada, sandbox):
    sandbox.close_mailbox(ADA, "MailboxNotEnabledForRESTAPI")
    assert code(ada.get("/me")) == (403, "MailboxNotEnabledForRESTAPI")

    sandbox.close_mailbox(ADA, "")

    assert ada.get("/me").status_code == 200


def test_signing_in_again_opens_a_mailbox_that_consent_closed(ada, sandbox, entra):
    sandbox.revoke_consent(ADA)

    entra.sign_in(ADA)

    assert ada.get("/me").status_code == 200


def test_the_fifth_request_at_once_is_turned_away(over_http, sandbox):
    sandbox.graph.latency = 0.15
    sandbox.add_person("bob@northside.example")
    bob = {"Authorization": f"Bearer {sandbox.entra.token_for('bob@northside.example')}"}
    with ThreadPoolExecutor(6) as pool:
        tries = [pool.submit(over_http.get, "/me") for _ in range(5)]
        other = pool.submit(over_http.get, "/me", headers=bob)
        answers = [done.result() for done in tries]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 1
    assert code(refused[0]) == (429, "ApplicationThrottled")
    assert refused[0].headers["Retry-After"] == "1"
    assert other.result().status_code == 200
    assert sandbox.graph.peak[ADA] == 4


def test_every_answer_names_the_request(ada):
    answer = ada.get("/me/events/none", headers={"client-request-id": "7"})

    assert answer.headers["client-request-id"] == "7"
    inner = answer.json()["error"]["innerError"]
    assert inner["client-request-id"] == "7"
    assert inner["request-id"]
    assert answer.headers["request-id"]
    assert datetime.now(UTC) - datetime.fromisoformat(inner["date"]).replace(tzinfo=UTC) < timedelta(minutes=1)
