"""The centre's tables: staff, leads, listings, calendars, appointments, the timeline, settings."""

from crm.models.appointments import Appointment, AppointmentStatus, BookingRequest, CalendarState
from crm.models.audit import ActorKind, AuditAction, AuditEntry, AuditSeal
from crm.models.calendars import BusyTime, Closure, WorkingHours
from crm.models.idempotency import IdempotentRequest
from crm.models.imports import ImportBatch, ImportKind, ImportOutcome, ImportRow, ImportStatus
from crm.models.leads import Lead, LeadStage
from crm.models.listings import Listing, ListingPhoto, ListingStatus, Place
from crm.models.merges import LeadMerge
from crm.models.messages import MessageStatus, OutgoingMessage
from crm.models.notices import Channel, Notice, NoticeKind, NoticeWishes, default_channels
from crm.models.office import OfficeSettings
from crm.models.staff import Agent, ApiToken, Role, Team
from crm.models.timeline import EntryKind, Note, Task, TaskKind, TimelineEntry
from crm.models.views import SavedView
from crm.models.webhooks import DeliveryStatus, WebhookDelivery, WebhookEvent, WebhookSubscription

__all__ = [
    "ActorKind",
    "Agent",
    "ApiToken",
    "Appointment",
    "AppointmentStatus",
    "AuditAction",
    "AuditEntry",
    "AuditSeal",
    "BookingRequest",
    "BusyTime",
    "CalendarState",
    "Channel",
    "Closure",
    "DeliveryStatus",
    "EntryKind",
    "IdempotentRequest",
    "ImportBatch",
    "ImportKind",
    "ImportOutcome",
    "ImportRow",
    "ImportStatus",
    "Lead",
    "LeadMerge",
    "LeadStage",
    "Listing",
    "ListingPhoto",
    "ListingStatus",
    "MessageStatus",
    "Note",
    "Notice",
    "NoticeKind",
    "NoticeWishes",
    "OfficeSettings",
    "OutgoingMessage",
    "Place",
    "Role",
    "SavedView",
    "Task",
    "TaskKind",
    "Team",
    "TimelineEntry",
    "WebhookDelivery",
    "WebhookEvent",
    "WebhookSubscription",
    "WorkingHours",
    "default_channels",
]
