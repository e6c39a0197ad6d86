"""The API's description is true: schemathesis asks every operation whatever the description allows, and what it does
not, and holds each answer against it. PETE_API_EXAMPLES=50 asks more of each, and every corner case besides.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck
from hypothesis import settings as bounded
from schemathesis.config import SchemathesisConfig

from calls.models import Assistant, Call, HistoryRun, RehearsalRun, call_pk
from config import doctor
from crm.api.described import description
from crm.api.tests.conftest import problem
from crm.models import (
    Agent,
    BusyTime,
    Closure,
    ImportBatch,
    ListingPhoto,
    Note,
    Notice,
    NoticeKind,
    SavedView,
    Task,
    TaskKind,
    WebhookSubscription,
)
from crm.notices import notify
from crm.tests import factories
from crm.tokens import issue_token

EXAMPLES = int(os.environ.get("PETE_API_EXAMPLES", "3"))
SOON = datetime(2030, 1, 7, 15, tzinfo=UTC)
# A body that fits its description may still name a person who is not there or a time that has passed.
REFUSALS = ["2xx", "304", "400", "401", "403", "404", "409", "412", "422"]
# And what does not fit may be understood all the same: an empty parameter is none, digits in a string are a number.
CONFIG = {
    "phases": {"coverage": {"enabled": "PETE_API_EXAMPLES" in os.environ}},
    "checks": {
        "positive_data_acceptance": {"expected-statuses": REFUSALS},
        "negative_data_rejection": {"expected-statuses": REFUSALS},
    },
}

application = get_wsgi_application()


def rolled_back(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer one request and undo what it did, so that each meets the same office."""
    with transaction.atomic():
        answer = application(environ, start_response)
        transaction.set_rollback(True)
    return answer


schema = schemathesis.openapi.from_dict(description(), config=SchemathesisConfig.from_dict(CONFIG))
schema.app = rolled_back


@pytest.fixture(autouse=True)
def _one_transaction(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the test's connection open between requests, as Django's own client does, and let nobody wait."""
    # The doctor waits seconds for workers that no test has.
    monkeypatch.setattr(doctor, "names", lambda: ["Audit"])
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def office(admin: Agent, agent: Agent) -> dict[str, Any]:
    """One of everything, by the name of its resource."""
    home, lead = factories.listing(agent), factories.lead(owner=agent)
    _, secret = issue_token(agent=admin, scopes=["read", "write"])
    token, _ = issue_token(agent=agent, scopes=["read"])
    call = Call.objects.create(pk=call_pk("v-1"), vapi_id="v-1", lead=lead, transcript=[{"role": "user", "text": "Hi"}])
    notify([admin], "assigned", kind=NoticeKind.ASSIGNMENT, key="n", lead=lead, data={"by": "Mo"})
    return {
        "secret": secret,
        "notices": Notice.objects.get().pk,
        "agents": agent.pk,
        "leads": lead.pk,
        "listings": home.pk,
        "appointments": factories.appointment(agent, home, SOON, lead=lead).pk,
        "assistants": Assistant.objects.create(vapi_id="a-1", name="Ava").pk,
        "busy-times": BusyTime.objects.create(agent=agent, starts_at=SOON, ends_at=SOON + timedelta(hours=1)).pk,
        "calls": str(call.pk),
        "closures": Closure.objects.create(starts_on=SOON.date(), ends_on=SOON.date()).pk,
        "notes": Note.objects.create(lead=lead, text="Hi").pk,
        "rehearsals": RehearsalRun.objects.create(names=["wrong-date"], finished_at=SOON, status="passed").pk,
        "call-history": HistoryRun.objects.create(days=90, finished_at=SOON, status="done").pk,
        "imports": ImportBatch.objects.create(kind="leads", filename="leads.csv", headings=["Name"]).pk,
        "photos": ListingPhoto.objects.create(listing=home, width=4, height=3).pk,
        "saved-views": SavedView.objects.create(person=admin, page="leads", name="Hot").pk,
        "tasks": Task.objects.create(lead=lead, kind=TaskKind.CALLBACK, text="x", due_at=SOON, key="t").pk,
        "teams": factories.team().pk,
        "tokens": token.pk,
        "webhooks": WebhookSubscription.objects.create(
            url="https://example.com/", events=["call.ended"], secret=b""
        ).pk,
    }


def known(case: schemathesis.Case, office: dict[str, Any]) -> None:
    """Name records that are there: made-up ids would only ever meet 404."""
    parts = case.path.split("/")
    # In a path like listings/{listing}/photos/{id} the record belongs to the last collection that is named.
    resource = next((part for part in reversed(parts) if part in office), "") if parts[1] == "api" else ""
    named = {"lead": "leads", "call": "calls", "listing": "listings", "photo": "photos", "agent": "agents"}
    for name, others in (("id", resource), *named.items()):
        if name in (case.path_parameters or {}) and others in office:
            case.path_parameters[name] = office[others]
    names = {"lead": "leads", "listing": "listings", "agent": "agents", "owner": "agents", "assignee": "agents"}
    if isinstance(case.body, dict):
        for name in names.keys() & case.body.keys():
            if isinstance(case.body[name], int) and not isinstance(case.body[name], bool):
                case.body[name] = office[names[name]]


@schema.parametrize()
@bounded(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.django_db
def test_every_answer_is_as_described(case: schemathesis.Case, office: dict[str, Any]) -> None:
    known(case, office)
    case.call_and_validate(headers={"Authorization": f"Bearer {office['secret']}"})


def test_the_description_is_for_those_who_are_signed_in(client, agent_api, db) -> None:
    body = agent_api.get("/api/schema/").json()

    assert problem(client.get("/api/schema/")) == (401, "not_authenticated")
    assert body["openapi"].startswith("3.1")
    assert {"/search/rental", "/calendar/events", "/vapi/assistants", "/database/status"} <= body["paths"].keys()


def test_the_page_is_for_people_and_loads_nothing_from_elsewhere(client, agent) -> None:
    assert client.get("/api/docs/").status_code == 302
    client.force_login(agent)

    page = client.get("/api/docs/")

    assert page.status_code == 200
    assert b"//" not in page.content.replace(b"<!doctype", b"")
