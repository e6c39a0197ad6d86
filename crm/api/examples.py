"""One example of each record and body, for the API's description. The tests send the bodies and check the records."""

from __future__ import annotations

from typing import Any

_WRITTEN = "2026-11-02T15:04:05Z"
_START, _END = "2026-11-09T16:00:00Z", "2026-11-09T16:30:00Z"
_JANE = {
    "full_name": "Jane Roe", "phone": "+13125550142", "email": "jane@example.com", "budget": "1900.00",
    "currency": "USD", "timeline": "by December", "property_type": "apartment", "location": "Lakeview", "bedrooms": 2,
    "pets": "a cat", "move_in_on": "2026-12-01", "stage": "qualified", "source": "voice",
}  # fmt: skip
_HOME = {
    "address": "12 Elm Street", "unit": "3B", "rent": "1850.00", "currency": "USD", "bedrooms": 2, "bathrooms": 1.5,
    "property_type": "apartment", "neighborhood": "Lakeview", "pets": True, "status": "available",
    "available_on": "2026-12-01", "agents": [7], "facts": "Laundry in the unit.\nParking behind the house.",
}  # fmt: skip
_AGENT = {
    "email": "ana@example.com", "full_name": "Ana Soto", "role": "agent", "timezone": "America/Chicago",
    "phone": "+13125550107", "language": "en", "is_bookable": True, "is_active": True,
}  # fmt: skip
_BUSY = {"agent": 7, "starts_at": _START, "ends_at": _END, "reason": "Dentist"}
_CLOSURE = {"starts_on": "2026-12-24", "ends_on": "2026-12-26", "reason": "Christmas"}
_TASK = {"lead": 42, "kind": "callback", "text": "Wants to know about parking", "due_at": _START, "assignee": 7}
_HOOK = {"url": "https://hooks.example.com/pete", "events": ["appointment.booked", "call.ended"], "description": "Crew"}
_VIEW = {"page": "leads", "name": "Hot and mine", "query": "scope=mine&stage=hot", "is_shared": True}
_WORDS = {"subject": "Your viewing on Monday", "body": "Hello Jane,\n\nsee you at ten."}
_STRETCH = {"weekday": 0, "start": "09:00", "end": "17:00"}

BODIES: dict[str, dict[str, Any]] = {
    "LeadRequest": _JANE,
    "ListingRequest": _HOME,
    "AgentRequest": _AGENT,
    "BookingRequest": {
        "agent": 7, "listing": 12, "starts_at": _START, "attendee_name": "Jane Roe", "attendee_phone": "+13125550142",
    },
    "RescheduleRequest": {"starts_at": _START, "tell": ["lead"]},
    "CancelRequest": {"reason": "Found another home", "tell": ["lead", "agent"]},
    "SavedViewRequest": _VIEW,
    "MessageRequest": _WORDS,
    "OrderRequest": {"photos": [31, 30]},
    "PatchedBulkChangeRequest": {"ids": [42, 43], "stage": "lost", "lost_reason": "Found another home"},
    "PatchedListingChangeRequest": {"ids": [12, 13], "status": "let", "available_on": None},
    "PatchedTaskChangeRequest": {"ids": [6, 7], "done": True},
    "ReadRequest": {"lead": 42},
    "ColumnsRequest": {"mapping": {"full_name": 0, "phone": 1}, "updates": False},
    "ChosenRequest": {"read": [3, 4], "written": 3},
    "ActRequest": {"notice": 15},
    "NewVersionRequest": {"text": "Offer two times within {{timeline}}.", "note": "Two times are enough"},
    "PreviewRequest": {"text": "The budget is {{budget}}.", "call": "560fd09b-5bda-5f59-93ff-1eeeba7b6973"},
    "LookedAtRequest": {"look": {"7c1d3f52-0000-4000-8000-5f2f6d3c9a10": "0d4f5a6b7c8d9e0f"}},
    "NewAssistantRequest": {"vapi_id": "7c1d3f52-0000-4000-8000-5f2f6d3c9a10", "team": 2},
    "RehearsalRequest": {"names": ["wrong-date"]},
    "HistoryRunRequest": {"days": 90},
    "ChecksRequest": {"names": ["Audit"]},
    "PresenceRequest": {"takes_calls": False},
    "BusyTimeRequest": _BUSY,
    "ClosureRequest": _CLOSURE,
    "NoteRequest": {"lead": 42, "text": "Prefers the afternoon."},
    "TaskRequest": _TASK,
    "TeamRequest": {"name": "North side"},
    "TokenRequest": {"name": "Nightly report", "scopes": ["read"], "expires_at": "2030-01-01T00:00:00Z"},
    "WebhookRequest": _HOOK,
    "MergeRequest": {"other": 43, "take": ["email"]},
    "ControlRequest": {"kind": "whisper", "text": "Offer the home on Elm Street.", "reason": "The caller hesitates"},
    "StretchRequest": _STRETCH,
}  # fmt: skip
RECORDS: dict[str, dict[str, Any]] = {
    "Lead": {"id": 42} | _JANE | {
        "lost_reason": "", "owner": 7, "consent_at": None, "created_at": _WRITTEN, "updated_at": _WRITTEN,
    },
    "Listing": {"id": 12} | _HOME | {
        "access_notes": "The key is at the desk.", "allows_stacked_viewings": False, "viewing_minutes": None,
        "buffer_before_minutes": None, "buffer_after_minutes": None, "minimum_notice_minutes": None,
        "horizon_days": None, "created_at": _WRITTEN, "updated_at": _WRITTEN,
    },
    "Agent": {"id": 7} | _AGENT | {
        "team": 2, "calendar": {"provider": "microsoft", "status": "connected", "last_synced_at": _WRITTEN},
    },
    "Appointment": {
        "id": 99, "lead": 42, "listing": 12, "agent": 7, "starts_at": _START, "ends_at": _END, "status": "booked",
        "expires_at": None, "source": "voice", "cancel_reason": "", "calendar_state": "synced", "external_id": "AAMkAD",
        "call_id": "560fd09b-5bda-5f59-93ff-1eeeba7b6973", "created_at": _WRITTEN, "updated_at": _WRITTEN,
    },
    "Assistant": {
        "id": 3, "vapi_id": "7c1d3f52-0000-4000-8000-5f2f6d3c9a10", "name": "Riley", "listing": None, "agent": None,
        "team": 2, "phone_number": "+13125550100", "first_message": "", "is_active": True,
    },
    "BusyTime": {"id": 5} | _BUSY | {"source": "manual"},
    "Closure": {"id": 4} | _CLOSURE,
    "Note": {"id": 8, "lead": 42, "agent": 7, "text": "Prefers the afternoon.", "created_at": _WRITTEN},
    "Task": {"id": 6} | _TASK | {"done_at": None, "created_at": _WRITTEN},
    "Team": {"id": 2, "name": "North side"},
    "SavedView": {"id": 14, "person": 7} | _VIEW,
    "Message": {"id": 70, "lead": 42, "appointment": None, "to": "jane@example.com"} | _WORDS | {
        "status": "sent", "last_error": "", "sent_at": _WRITTEN, "created_at": _WRITTEN,
    },
    "Photo": {
        "id": 30, "listing": 12, "alt": "The kitchen", "width": 1600, "height": 1200,
        "sizes": {size: f"/api/v1/listings/12/photos/30/{size}" for size in ("large", "small")},
        "created_at": _WRITTEN, "removed_at": None,
    },
    "Wishes": {
        "channels": {"hot_lead": ["page", "browser"], "assignment": ["page", "email"]}, "quiet_from": "21:00",
        "quiet_until": "07:00", "sound": False,
    },
    "Prompt": {
        "stage": "booking", "assistant": None, "version": 4, "text": "Offer two times within {{timeline}}.",
        "note": "Two times are enough", "author": 1, "created_at": _WRITTEN,
    },
    "Rehearsal": {
        "id": 9, "agent": 1, "names": ["wrong-date"], "status": "queued", "results": [], "problem": "",
        "created_at": _WRITTEN, "finished_at": None,
    },
    "HistoryRun": {
        "id": 2, "agent": 1, "days": 90, "status": "done", "seen": 812, "brought": 790, "problem": "",
        "created_at": _WRITTEN, "finished_at": _END,
    },
    "Import": {
        "id": 6, "kind": "leads", "filename": "leads.csv", "headings": ["Name", "Phone"],
        "mapping": {"full_name": 0, "phone": 1}, "known_fields": ["full_name", "phone"], "updates": False,
        "status": "done", "done_rows": 812, "total_rows": 812, "counts": {"created": 800, "wrong": 12}, "problem": "",
        "agent": 1, "created_at": _WRITTEN, "finished_at": _END,
    },
    "Row": {"id": 90, "line": 3, "outcome": "created", "text": "", "object_id": 42},
    "Entry": {
        "id": 1001, "at": _WRITTEN, "kind": "note", "text": "Prefers the afternoon.", "agent": 7, "actor": "staff",
        "call": None, "data": {"note": 8},
    },
    "Notice": {
        "id": 55, "kind": "assignment", "event": "assigned", "text": "Mo gave you Jane Roe", "lead": 42,
        "path": "/leads/42", "created_at": _WRITTEN, "read_at": None,
    },
    "Webhook": {"id": 1} | _HOOK | {
        "is_active": True, "disabled_reason": "", "created_by": 1, "created_at": _WRITTEN,
    },
    "Slot": {"slot_id": "7-12-1794240000", "starts_at": _START, "ends_at": _END, "agent": 7, "listing": 12},
    "Stretch": _STRETCH,
}  # fmt: skip
