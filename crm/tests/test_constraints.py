"""PostgreSQL keeps the promises by itself: each write here goes round the application, and is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import DataError, IntegrityError, connection, models, transaction
from django.db.models import F

from crm.models import (
    Agent,
    ApiToken,
    Appointment,
    BookingRequest,
    BusyTime,
    IdempotentRequest,
    ImportBatch,
    ImportRow,
    Lead,
    LeadMerge,
    Note,
    Notice,
    NoticeWishes,
    OfficeSettings,
    OutgoingMessage,
    SavedView,
    Task,
    TimelineEntry,
    WebhookDelivery,
    WebhookSubscription,
    WorkingHours,
)
from crm.tests import factories as make

pytestmark = pytest.mark.django_db

NINE = datetime(2027, 3, 3, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LATER = NINE + timedelta(days=30)


@contextmanager
def refused_by(constraint: str):
    """The database refuses what happens here, by that constraint and no other."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        yield
    assert caught.value.__cause__.diag.constraint_name == constraint


def viewing(**fields: Any) -> Appointment:
    """Return half an hour from nine, not saved, of a new agent at a new home unless told otherwise."""
    agent = fields.pop("agent", None) or make.agent()
    home = fields.pop("listing", None) or make.listing()
    return make.new_appointment(agent, home, fields.pop("starts_at", NINE), **fields)


def insert(*rows: models.Model) -> None:
    type(rows[0])._default_manager.bulk_create(rows)


# --- Two promises of the same time ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["booked", "held"])
@pytest.mark.parametrize("shift", [0, 29, -29], ids=["same", "tail", "head"])
def test_an_agent_is_promised_once(status: str, shift: int):
    agent = make.agent()
    insert(viewing(agent=agent))

    with refused_by("appointment_agent_no_overlap"):
        insert(
            viewing(
                agent=agent,
                starts_at=NINE + shift * MINUTE,
                ends_at=NINE + (30 + shift) * MINUTE,
                status=status,
                expires_at=LATER,
            )
        )


def test_a_home_is_viewed_once_whoever_shows_it():
    home = make.listing()
    insert(viewing(listing=home))

    with refused_by("appointment_listing_no_overlap"):
        insert(viewing(listing=home))


def test_an_update_is_no_way_round():
    agent = make.agent()
    first, second = viewing(agent=agent), viewing(agent=agent, starts_at=LATER, ends_at=LATER + 30 * MINUTE)
    insert(first, second)

    with refused_by("appointment_agent_no_overlap"):
        Appointment.objects.filter(pk=second.pk).update(starts_at=NINE, ends_at=NINE + MINUTE)
    with refused_by("appointment_agent_no_overlap"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crm_appointment (lead_id, listing_id, agent_id, starts_at, ends_at, status, is_stacked,"
            " buffer_before_minutes, buffer_after_minutes, source, idempotency_key, cancel_reason, calendar_state,"
            " external_id, is_demo, updated_at) SELECT lead_id, listing_id, agent_id, starts_at, ends_at, status, true,"
            " 0, 0, source, 'another', '', 'local', '', false, now() FROM crm_appointment WHERE id = %s",
            [first.pk],
        )


def test_a_cancelled_viewing_cannot_come_back_over_another():
    agent = make.agent()
    first, second = viewing(agent=agent, status="cancelled"), viewing(agent=agent)
    insert(first, second)

    with refused_by("appointment_agent_no_overlap"):
        Appointment.objects.filter(pk=first.pk).update(status="booked")


def test_neighbours_stacked_and_past_viewings_stand_side_by_side():
    agent, home = make.agent(), make.listing()
    insert(viewing(agent=agent, listing=home))
    # Half-open: one begins when the other ends.
    insert(viewing(agent=agent, listing=home, starts_at=NINE + 30 * MINUTE, ends_at=NINE + 60 * MINUTE))
    insert(*(viewing(agent=agent, listing=home, status=status) for status in ("cancelled", "completed", "no_show")))
    open_house = make.listing(allows_stacked_viewings=True)
    insert(viewing(listing=open_house), viewing(listing=open_house))
    # Only the home's own stacked viewings share its time; an agent is still one person.
    insert(viewing(listing=home, is_stacked=True))
    with refused_by("appointment_agent_no_overlap"):
        insert(viewing(agent=agent, listing=open_house))


def test_working_hours_of_a_weekday_do_not_overlap():
    agent = make.agent()
    make.working_hours(agent, start_minute=540, end_minute=720)
    make.working_hours(agent, start_minute=720, end_minute=1020)
    make.working_hours(agent, weekday=1, start_minute=600, end_minute=660)

    with refused_by("working_hours_no_overlap"):
        insert(WorkingHours(agent=agent, weekday=0, start_minute=1019, end_minute=1440))


# --- Everything else ------------------------------------------------------------------------------------------------

# What an UPDATE of one valid row is refused by.
UPDATES: list[tuple[str, Callable[[], models.Model], dict[str, Any]]] = [
    ("agent_role_known", make.agent, {"role": "owner"}),
    ("agent_phone_e164", make.agent, {"phone": "312 555 0100"}),
    ("lead_phone_e164", make.lead, {"phone": "+0123456789"}),
    ("lead_stage_known", make.lead, {"stage": "hot"}),
    ("lead_lost_needs_reason", make.lead, {"stage": "lost"}),
    ("lead_budget_not_negative", make.lead, {"budget": -1}),
    ("listing_rent_not_negative", make.listing, {"rent": -1}),
    ("listing_status_known", make.listing, {"status": "gone"}),
    ("listing_viewing_minutes", make.listing, {"viewing_minutes": 0}),
    ("listing_viewing_minutes", make.listing, {"viewing_minutes": 721}),
    ("listing_buffers", make.listing, {"buffer_before_minutes": 721}),
    ("listing_buffers", make.listing, {"buffer_after_minutes": 721}),
    ("listing_horizon", make.listing, {"horizon_days": 0}),
    ("listing_bathrooms_not_negative", make.listing, {"bathrooms": -1}),
    ("office_settings_one_row", make.office, {"id": 2}),
    ("office_settings_viewing_minutes", make.office, {"viewing_minutes": 0}),
    ("office_settings_step", make.office, {"slot_step_minutes": 7}),
    ("office_settings_buffers", make.office, {"buffer_after_minutes": 721}),
    ("office_settings_hold_seconds", make.office, {"hold_seconds": 0}),
    ("office_settings_horizon", make.office, {"horizon_days": 0}),
    ("working_hours_weekday", lambda: make.working_hours(make.agent()), {"weekday": 7}),
    ("working_hours_order", lambda: make.working_hours(make.agent()), {"end_minute": 540}),
    ("working_hours_order", lambda: make.working_hours(make.agent()), {"end_minute": 1441}),
    ("closure_ends_after_start", lambda: make.closure(date(2027, 3, 3)), {"ends_on": date(2027, 3, 2)}),
    ("busy_time_ends_after_start", lambda: make.busy_time(make.agent(), NINE, LATER), {"ends_at": NINE}),
    ("appointment_ends_after_start", lambda: saved(viewing()), {"ends_at": F("starts_at")}),
    ("appointment_status_known", lambda: saved(viewing()), {"status": "maybe"}),
    ("appointment_hold_expires", lambda: saved(viewing()), {"status": "held"}),
    ("appointment_calendar_state_known", lambda: saved(viewing()), {"calendar_state": "lost"}),
    ("appointment_buffers", lambda: saved(viewing()), {"buffer_before_minutes": 721}),
    ("note_not_empty", lambda: saved(Note(lead=make.lead(), text="Hello")), {"text": ""}),
    ("entry_kind_known", lambda: saved(TimelineEntry(lead=make.lead(), kind="note", text="Hello")), {"kind": "rumour"}),
    ("task_kind_known", lambda: saved(a_task()), {"kind": "wish"}),
    ("message_status_known", lambda: saved(a_message()), {"status": "lost"}),
    ("api_token_scopes_known", lambda: saved(a_token()), {"scopes": ["everything"]}),
    ("api_token_scopes_known", lambda: saved(a_token()), {"scopes": []}),
]

# What a second row with the same key is refused by.
TWINS: list[tuple[str, Callable[[], models.Model]]] = [
    ("agent_email_unique", lambda: make.agent(email="ann@example.com")),
    ("listing_address_unit_unique", lambda: make.listing(address="1 Oak Street", unit="2")),
    ("appointment_key", lambda: saved(viewing(idempotency_key="same"))),
    ("crm_lead_phone_key", lambda: make.lead(phone="+13125550100")),
    ("crm_team_name_key", lambda: make.team(name="North")),
    ("crm_task_key_key", lambda: saved(a_task(key="same"))),
    ("crm_timelineentry_key_key", lambda: saved(TimelineEntry(lead=make.lead(), kind="note", text="Hi", key="same"))),
    ("crm_outgoingmessage_key_key", lambda: saved(a_message(key="same"))),
    ("crm_apitoken_digest_key", lambda: saved(a_token(digest="same"))),
    ("booking_request_key", lambda: saved(BookingRequest(key="same", digest="", appointment=saved(viewing())))),
]


def saved(row: Any) -> Any:
    row.save(force_insert=True)
    return row


def a_task(**fields: Any) -> Task:
    return Task(**{"lead": make.lead(), "kind": "callback", "text": "Call", "due_at": NINE, "key": "task"} | fields)


def a_message(**fields: Any) -> OutgoingMessage:
    return OutgoingMessage(
        **{"lead": make.lead(), "to": "ann@example.com", "subject": "Hello", "body": "Hello", "key": "message"} | fields
    )


def a_token(**fields: Any) -> ApiToken:
    return ApiToken(**{"agent": make.agent(), "digest": "digest", "prefix": "pete", "scopes": ["read"]} | fields)


@pytest.mark.parametrize(
    ("constraint", "row", "change"), UPDATES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_impossible_value_is_refused(constraint: str, row: Callable[[], models.Model], change: dict[str, Any]):
    stored = row()

    with refused_by(constraint):
        type(stored)._default_manager.filter(pk=stored.pk).update(**change)


@pytest.mark.parametrize(("constraint", "row"), TWINS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_second_row_with_the_same_key_is_refused(constraint: str, row: Callable[[], models.Model]):
    row()

    with refused_by(constraint):
        row()


def test_an_email_is_one_person_in_any_case():
    make.agent(email="ann@example.com")

    with refused_by("agent_email_unique"):
        insert(Agent(email="ANN@Example.com", full_name="Ann", timezone="UTC"))


def test_many_leads_have_no_number():
    insert(Lead(phone=None), Lead(phone=None))

    assert Lead.objects.filter(phone=None).count() == 2


def test_one_outside_event_is_one_busy_time():
    agent = make.agent()
    make.busy_time(agent, NINE, LATER)
    make.busy_time(agent, NINE, LATER)
    make.busy_time(agent, NINE, LATER, source="microsoft", external_id="event")

    with refused_by("busy_time_external_unique"):
        insert(BusyTime(agent=agent, starts_at=LATER, ends_at=LATER + MINUTE, source="microsoft", external_id="event"))


def test_one_persons_idempotency_key_is_used_once():
    agent = make.agent()
    insert(IdempotentRequest(agent=agent, key="key", fingerprint=""), IdempotentRequest(agent=make.agent(), key="key"))

    with refused_by("idempotent_request_key"):
        insert(IdempotentRequest(agent=agent, key="key", fingerprint="other"))


def test_one_line_tells_a_person_once_of_one_cause():
    agent = make.agent()
    insert(
        Notice(person=agent, kind="sla", event="e", key="k"),
        Notice(person=make.agent(), kind="sla", event="e", key="k"),
    )

    with refused_by("crm_notice_once_a_person"):
        insert(Notice(person=agent, kind="sla", event="other", key="k"))
    with refused_by("crm_notice_kind_known"):
        insert(Notice(person=agent, kind="gossip", event="e", key="other"))


@pytest.mark.parametrize("hours", [{"quiet_from": time(20)}, {"quiet_until": time(7)}])
def test_quiet_hours_have_a_beginning_and_an_end(hours: dict[str, time]):
    with refused_by("notice_wishes_quiet_has_both_ends"):
        insert(NoticeWishes(person=make.agent(), **hours))


def test_a_person_has_one_saved_view_of_a_name_for_each_page():
    agent = make.agent()
    insert(
        SavedView(person=agent, name="Mine", page="leads"), SavedView(person=make.agent(), name="Mine", page="leads")
    )

    with refused_by("saved_view_name"):
        insert(SavedView(person=agent, name="Mine", page="leads", query="?stage=new"))


def test_a_lead_is_merged_into_one_other_at_a_time():
    kept = make.lead()
    insert(LeadMerge(kept=kept, gone_lead_id=7, gone={}), LeadMerge(kept=kept, gone_lead_id=8, gone={}, undone_at=NINE))

    insert(LeadMerge(kept=kept, gone_lead_id=8, gone={}))
    with refused_by("lead_merge_gone_once"):
        insert(LeadMerge(kept=make.lead(), gone_lead_id=7, gone={}))


def test_a_webhook_subscribes_to_something_and_a_delivery_is_in_a_known_state():
    subscription = WebhookSubscription.objects.create(url="https://a.example", events=["lead.created"], secret=b"")

    with refused_by("webhook_subscription_events"):
        insert(WebhookSubscription(url="https://a.example", events=[], secret=b""))
    with refused_by("webhook_delivery_status"):
        insert(WebhookDelivery(subscription=subscription, event="lead.created", payload={}, status="lost"))


def test_a_row_of_a_spreadsheet_is_brought_in_once():
    batch = ImportBatch.objects.create(kind="leads", filename="a.csv")
    insert(ImportRow(batch=batch, line=2, outcome="new"))

    with refused_by("import_row_once"):
        insert(ImportRow(batch=batch, line=2, outcome="new"))
    with refused_by("import_batch_kind"):
        insert(ImportBatch(kind="recipes", filename="a.csv"))
    with refused_by("import_batch_status"):
        insert(ImportBatch(kind="leads", filename="a.csv", status="lost"))


@pytest.mark.parametrize("color", ["red", "#12", "#12345g", "123456#"])
def test_a_brand_colour_is_a_colour(color: str):
    make.office()

    with refused_by("office_settings_brand_color"):
        OfficeSettings.objects.update(brand_color=color)


def test_a_zone_nobody_knows_is_refused():
    """PostgreSQL fails on the name before "agent_timezone_known" can say no."""
    agent = make.agent()

    with pytest.raises(DataError, match="not recognized"), transaction.atomic():
        Agent.objects.filter(pk=agent.pk).update(timezone="America/Springfield")


def test_what_has_viewings_stays():
    appointment = saved(viewing())

    for table, pk in (("crm_lead", appointment.lead_id), ("crm_listing", appointment.listing_id)):
        with pytest.raises(IntegrityError), transaction.atomic():
            _delete_now(table, pk)


def _delete_now(table: str, pk: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [pk])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_every_constraint_has_a_test_here():
    """A constraint added to a model is named somewhere in this file."""
    from pathlib import Path

    text = Path(__file__).read_text(encoding="utf-8")
    names = {c.name for model in apps.get_app_config("crm").get_models() for c in model._meta.constraints}
    tested = {name for name in names if f'"{name}"' in text}

    assert names == tested
