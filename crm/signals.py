"""What leaves crm. Services send these on purpose, inside their transaction; a receiver writes an outbox row."""

from django.dispatch import Signal

# Each carries `appointment`; `appointment_rescheduled` also `previous` (starts_at, ends_at, agent_id).
appointment_held = Signal()
appointment_booked = Signal()
appointment_rescheduled = Signal()
appointment_cancelled = Signal()
# Carries `lead`: a row that is new.
lead_created = Signal()
# Carries `lead` and `changed`, the names of the fields that changed; `agent`, where a person did it; where "owner" is
# among them also `previous_owner_id`, None when the lead was nobody's.
lead_changed = Signal()
# Carries `listing` and `changed`, the names of the fields that changed.
listing_changed = Signal()
# Carries `note`.
note_written = Signal()
# Carries `message`: an OutgoingMessage that is not tried again.
message_failed = Signal()
