"""No token, code, secret or key that was ever issued can be found where it may not be. Over sockets, MSAL's own too."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import requests
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from calendar_sync import entra, mirror, pushing, readback, reconcile, subscriptions, tokens, upkeep
from calendar_sync.models import Connection, EventLink
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.sandbox.signin import sign_in
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.entra import AUTHORITY
from calendar_sync.tests.proof import disclosure
from crm import booking
from crm.errors import PermanentError, TransientError
from crm.models import Agent, Role
from crm.tests import factories as crm

KEYS = ["the-first-key-8Rj2mWq5Tx7Lk0Zp", "the-second-key-Vb3nYc6Hd9Sf1Gq4"]
CLIENT_SECRET = "client-secret-Qz8~wX2eR5tY7uI9oP1aS"

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["stand-in", "requests"])
def microsoft(request: Any, graph: Any, sandbox: Any, settings: Any, monkeypatch: Any) -> Any:
    """The stand-in on a port; sign-in is reached by its own client, or by MSAL's, which is of requests."""
    settings.MS_CLIENT_SECRET = sandbox.entra.clients["sandbox-client"] = CLIENT_SECRET
    settings.TOKEN_ENCRYPTION_KEYS = KEYS
    settings.PUBLIC_URL = "https://pete.example"
    if request.param == "requests":
        monkeypatch.setattr(entra, "_sandbox_client", lambda url: requests.Session())
        monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", _sender(graph.url))
    return sandbox


def _sender(url: str) -> Callable[..., Any]:
    original = requests.adapters.HTTPAdapter.send

    def send(self: Any, request: Any, **kwargs: Any) -> Any:
        """Take what is meant for Microsoft's sign-in to the stand-in."""
        request.headers["X-Sandbox-Origin"] = AUTHORITY.removesuffix("/organizations")
        request.url = request.url.replace("https://login.microsoftonline.com", f"{url}/login")
        return original(self, request, **kwargs)

    return send


@pytest.fixture
def sent(microsoft: Any, monkeypatch: Any) -> list[str]:
    """What was sent to sign-in and came back that is secret besides tokens and codes: verifiers, identities."""
    seen: list[str] = []
    token, issue = microsoft.entra._token, microsoft.entra._issue

    def watched(form: dict[str, str], tenant: str) -> Any:
        seen.extend(form[name] for name in ("code_verifier", "client_secret") if name in form)
        return token(form, tenant)

    def issued(*args: Any, **kwargs: Any) -> Any:
        answer = issue(*args, **kwargs)
        seen.append(answer.payload["id_token"].split(".")[1])
        return answer

    monkeypatch.setattr(microsoft.entra, "_token", watched)
    monkeypatch.setattr(microsoft.entra, "_issue", issued)
    return seen


def _connect(client: Client, sandbox: Any) -> list[Any]:
    begun = client.get("/calendar/auth/start")
    query = sign_in(sandbox.entra, begun.headers["Location"], ADA)
    # The second time the code is used already, the third it is another's.
    odd = {**query, "state": query["state"][::-1]}
    return [client.get("/calendar/auth/callback", values) for values in (query, query, odd)]


def _a_bad_week(sandbox: Any, connection: Connection) -> None:
    """Read, write, renew, and have each go wrong."""
    calendar = connection.calendars.get(is_written=True)
    home = crm.listing(connection.agent)
    at = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=3)
    for number, kind in enumerate([None, Kind.TOKEN_EXPIRED, Kind.DROP, Kind.HTML, Kind.TRUNCATED, Kind.THROTTLED]):
        # Whoever was told that the sign-in is not taken has mended that.
        tokens.note_success(Connection.objects.get(pk=connection.pk))
        if kind:
            sandbox.faults.add(Fault(kind), times=2)
        now = timezone.now() + timedelta(hours=number)
        mirror.sync_calendar(calendar.pk, now=now)
        booking.book(
            lead=crm.lead(),
            listing=home,
            agent=connection.agent,
            starts_at=at + timedelta(hours=number),
            idempotency_key=f"{number}",
        )
        pushing.push_due(now)
    sandbox.faults.clear()
    tokens.note_success(Connection.objects.get(pk=connection.pk))
    pushing.push_due(timezone.now() + timedelta(days=1))
    for link in EventLink.objects.exclude(event_id=""):
        readback.read_back(link.pk)
    reconcile.reconcile(connection.pk)


def _renewals(sandbox: Any, connection: Connection) -> None:
    """Renew, well and badly."""
    token = sandbox.entra.token_for(ADA)
    failures: list[Callable[[], object]] = [
        lambda: None,
        lambda: sandbox.entra.fail_next(429, retry_after="1"),
        lambda: sandbox.entra.fail_next(503),
        lambda: sandbox.entra.fail_next(200, text="<html>Service unavailable</html>"),
        # Half an answer: what there is of it holds a token.
        lambda: sandbox.entra.fail_next(200, text=f'{{"token_type": "Bearer", "access_token": "{token}", "refre'),
        sandbox.entra.drop_next,
        lambda: sandbox.entra.revoke(ADA, 50173),
    ]
    for fail in failures:
        entra._memory.__dict__.clear()
        fail()
        try:
            tokens.renew(connection.pk, force=True)
        except (TransientError, PermanentError) as exc:
            logging.getLogger("calendar_sync.tests").exception("as whoever called would: %r", exc)
    upkeep.attend(connection.pk, force=True)


def _pages(agent: Agent, client: Client) -> list[str]:
    """Return everything that people and programs can be shown about the connection."""
    admin = Client(HTTP_ACCEPT="text/html")
    admin.force_login(crm.agent(role=Role.ADMIN, is_staff=True, is_superuser=True))
    connection, day = Connection.objects.get(agent=agent), timezone.now().date().isoformat()
    paths = [
        "/users",
        f"/users/{agent.pk}/row",
        f"/users/{agent.pk}/calendar",
        "/calendar/choose",
        f"/calendar/auth/status?user_id={agent.pk}",
        f"/calendar/events?user_id={agent.pk}&start={day}T00:00:00Z&end={day}T23:00:00Z",
        "/calendar/availability",
        "/api/v1/agents",
        f"/api/v1/agents/{agent.pk}",
        "/api/v1/appointments",
        f"/admin/calendar_sync/connection/{connection.pk}/change/",
        "/admin/calendar_sync/connection/",
        "/admin/calendar_sync/calendar/",
        "/admin/calendar_sync/notice/",
        "/admin/calendar_sync/push/",
    ]
    answers = [person.get(path, follow=True) for person in (admin, client) for path in paths]
    assert {answer.status_code for answer in answers} <= {200, 400, 403, 404}
    assert sum(answer.status_code == 200 for answer in answers) > len(paths)
    return [f"{answer.content.decode()} {answer.headers}" for answer in answers]


def test_no_secret_is_found_anywhere(microsoft, sent):
    agent = crm.agent(hours=(0, 24), email=ADA)
    client = Client(HTTP_ACCEPT="text/html")
    client.force_login(agent)
    with disclosure.listening() as log:
        answers = _connect(client, microsoft)
        connection = Connection.objects.get()
        _a_bad_week(microsoft, connection)
        subscriptions.maintain(connection.calendars.get(is_written=True).pk)
        _renewals(microsoft, connection)
        answers += _connect(client, microsoft)
        pages = _pages(agent, client)

    shown = [f"{answer.content.decode()} {answer.headers} {answer.cookies}" for answer in answers]
    places = [log.lines, shown, pages, disclosure.stored(), disclosure.in_valkey()]
    secrets = [*microsoft.entra.secrets_issued(), *sent, *KEYS, CLIENT_SECRET]
    assert len(microsoft.entra.codes) == 2
    assert len(microsoft.entra.refresh_tokens) > 3
    assert len([name for name in secrets if name in sent]) > 5
    assert [disclosure.found(secrets, place) for place in places] == [[]] * len(places)
    # The places that rounds go on from are no secrets, but private: not in tables, nor in what Pete logs.
    rounds = list(microsoft.graph.delta._states)
    assert len(rounds) > 2
    assert [disclosure.found(rounds, place) for place in (log.lines, disclosure.stored(), pages)] == [[]] * 3


@pytest.mark.parametrize(
    "hide",
    [
        lambda token: token,
        lambda token: f"Bearer {token}, and more",
        lambda token: token[-25:],
        lambda token: base64.b64encode(f'{{"access_token": "{token}"}}'.encode()).decode(),
        lambda token: base64.urlsafe_b64encode(f"x{token}x".encode()).decode(),
        lambda token: token.encode().hex(),
    ],
    ids=["whole", "in a header", "a part", "base64", "base64url", "hex"],
)
def test_the_search_finds_what_is_there(connected_agent, sandbox, hide):
    """Put a token in each place: the search must find it there, and there only."""
    token, other = sandbox.entra.token_for(ADA), sandbox.entra.token_for(ADA)
    connection = connected_agent.calendar_connection
    with disclosure.listening() as log:
        logging.getLogger("httpcore.connection").debug("sent %s", hide(token))
        logging.getLogger("some.library").info("nothing")
    assert len(disclosure.found([token, other], log.lines)) == 1

    assert disclosure.found([token, other], disclosure.stored()) == []
    connection.status_code = hide(token)[:100]
    connection.save()
    found = disclosure.found([token, other], disclosure.stored())
    assert len(found) == (1 if len(hide(token)) <= 100 else len(found))

    connection.status_code, connection.blob = "", hide(token).encode()
    connection.save()
    assert len(disclosure.found([token, other], disclosure.stored())) == 1

    cache.set("somewhere", hide(token))
    assert len(disclosure.found([token, other], disclosure.in_valkey())) == 1


def test_the_log_hears_what_libraries_say_under_their_breath(graph, recorder):
    """The search for secrets in logs means nothing unless the libraries talk: each of them is heard at DEBUG."""
    with disclosure.listening() as log:
        httpx.get(f"{graph.graph_url}/me", headers={"Authorization": "Bearer none"})
        requests.get(f"{graph.url}/_sandbox/state", timeout=5)
    recorder.forgive()
    assert {line.split(".")[0] for line in log.lines} >= {"httpcore", "urllib3"}
