"""Connected calendars: whose, how they stand, what was read from them and what is to be written to them."""

from __future__ import annotations

from typing import NamedTuple

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from crm.models import Agent, Appointment, BusyTime


class ConnectionStatus(models.TextChoices):
    """How a connection stands. Only `CONNECTED` is read and written."""

    CONNECTED = "connected", _("Connected")
    # The person must sign in again.
    NEEDS_RECONNECT = "needs_reconnect", _("Needs reconnecting")
    # Somebody who administers the Microsoft tenant, or this installation, must act.
    ADMIN_ACTION = "admin_action", _("Needs an administrator")
    ERROR = "error", _("Not working")


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def at_work(self) -> ConnectionQuerySet:
        """Those that are read and written: they work, and so does their agent."""
        return self.filter(status=ConnectionStatus.CONNECTED, agent__is_active=True)


class Connection(models.Model):
    """One agent's Microsoft 365 account. `blob` is the MSAL token cache, encrypted and bound to this row."""

    agent = models.OneToOneField(Agent, models.CASCADE, related_name="calendar_connection")
    # The account's key at Microsoft: never its address, which may change hands.
    tenant_id = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    email = models.CharField(max_length=254, blank=True)
    status = models.CharField(max_length=16, choices=ConnectionStatus, default=ConnectionStatus.CONNECTED)
    # Microsoft's code of what is wrong, such as AADSTS700082 or ErrorAccessDenied.
    status_code = models.CharField(max_length=100, blank=True)
    status_at = models.DateTimeField(db_default=Now())
    blob = models.BinaryField(default=bytes)
    access_expires_at = models.DateTimeField(null=True, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    last_synced_at = models.DateTimeField(null=True, blank=True)
    # When its viewings were last compared with Outlook; none since it was connected, or switched on again.
    compared_at = models.DateTimeField(null=True, blank=True)
    # The agent is switched off, and this is at rest: see `resting`.
    is_resting = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["agent"]
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "object_id"], name="connection_account_unique"),
            models.CheckConstraint(condition=Q(status__in=ConnectionStatus.values), name="connection_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.agent} · {self.email}"

    @property
    def is_at_work(self) -> bool:
        return self.status == ConnectionStatus.CONNECTED and self.agent.is_active


class Calendar(models.Model):
    """One calendar of a connected account, and how far it has been read.

    The window [window_starts_at, window_ends_at) is baked into `delta_link`, which is encrypted.
    """

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="calendars")
    external_id = models.TextField()
    name = models.CharField(max_length=255)
    can_edit = models.BooleanField(default=True)
    is_read = models.BooleanField(default=False)
    is_written = models.BooleanField(default=False)
    delta_link = models.BinaryField(default=bytes, blank=True)
    window_starts_at = models.DateTimeField(null=True, blank=True)
    window_ends_at = models.DateTimeField(null=True, blank=True)
    # The zone and the rule by which its events were turned into busy times; others mean to read all anew.
    placed_by = models.CharField(max_length=100, blank=True)
    # Set by a notification; the next round reads it at once.
    hinted_at = models.DateTimeField(null=True, blank=True)
    next_sync_at = models.DateTimeField(db_default=Now())
    last_synced_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    # The round that reads it now. Another one may begin after `claimed_until`.
    claim = models.UUIDField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    subscription_id = models.CharField(max_length=100, blank=True)
    subscription_expires_at = models.DateTimeField(null=True, blank=True)
    # SHA-256 of the secret that Microsoft sends back with each notification.
    client_state_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["connection", "name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "external_id"], name="calendar_external_unique"),
            models.UniqueConstraint(fields=["connection"], condition=Q(is_written=True), name="calendar_one_written"),
            models.UniqueConstraint(
                fields=["subscription_id"], condition=~Q(subscription_id=""), name="calendar_subscription_unique"
            ),
        ]
        indexes = [models.Index(fields=["next_sync_at"], condition=Q(is_read=True), name="calendar_due")]

    def __str__(self) -> str:
        return self.name


class MirroredEvent(models.Model):
    """One event of a read calendar, reduced to what blocks time. Without title, body or people."""

    calendar = models.ForeignKey(Calendar, models.CASCADE, related_name="events")
    external_id = models.TextField()
    etag = models.CharField(max_length=200, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    show_as = models.CharField(max_length=32, blank=True)
    is_all_day = models.BooleanField(default=False)
    is_cancelled = models.BooleanField(default=False)
    # Graph's: singleInstance, occurrence, exception, seriesMaster. What an occurrence lacks stands on its master.
    type = models.CharField(max_length=32, blank=True)
    series_master_id = models.TextField(blank=True)
    # The row that blocks time; none for a free, cancelled or own event.
    busy_time = models.OneToOneField(BusyTime, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["calendar", "external_id"], name="mirrored_event_unique"),
            models.CheckConstraint(condition=Q(ends_at__gte=models.F("starts_at")), name="mirrored_event_order"),
        ]

    def __str__(self) -> str:
        return self.external_id


class EventLink(models.Model):
    """The event that stands for an appointment in one mailbox, and what was last written or read there.

    `generation` makes a new transactionId after a deletion or a move to another person.
    """

    appointment = models.ForeignKey(Appointment, models.CASCADE, related_name="event_links")
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="event_links")
    calendar_external_id = models.TextField()
    event_id = models.TextField(blank=True)
    etag = models.CharField(max_length=200, blank=True)
    generation = models.PositiveIntegerField(default=1)
    # As both sides last agreed: a difference to the event is a change made in Outlook.
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    # By part of the event, a digest of the words that Pete wrote there last. What it did not write is somebody else's.
    written = models.JSONField(default=dict, blank=True)
    written_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["appointment", "connection"], name="event_link_unique"),
            models.UniqueConstraint(
                fields=["connection", "event_id"], condition=~Q(event_id=""), name="event_link_event_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.appointment_id} → {self.connection_id}"


class PushStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class Push(models.Model):
    """One outbox row: an appointment's event in one mailbox is to be brought up to date.

    Rows of an appointment are worked in order of their ids. What to write is read when it is written.
    """

    appointment = models.ForeignKey(Appointment, models.CASCADE, related_name="pushes")
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="pushes")
    # True: the event is to go, because the viewing was cancelled or now is another agent's.
    is_removal = models.BooleanField(default=False)
    status = models.CharField(max_length=16, choices=PushStatus, default=PushStatus.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    # Another worker may take it after this instant.
    claimed_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "pushes"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=PushStatus.values), name="push_status_known"),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(status="waiting"), name="push_due"),
            models.Index(fields=["appointment", "id"], name="push_appointment_order"),
        ]

    def __str__(self) -> str:
        return f"{self.appointment_id} → {self.connection_id} ({self.status})"


class NoticeKind(models.TextChoices):
    CONNECTION = "connection", _("A calendar connection broke")
    UNREADABLE = "unreadable", _("A calendar cannot be read")
    PUSH_FAILED = "push_failed", _("A viewing could not be written to Outlook")
    CLASH = "clash", _("Something else is in Outlook at that time")
    MOVED = "moved", _("A viewing was changed in Outlook")
    DRIFT = "drift", _("Pete and Outlook differ")


class Words(NamedTuple):
    """What is wrong, and what to do."""

    text: str
    cure: str


# In a notice's data: text and cure by the codes of the languages that have them, besides the first.
WORDS = "words"


class Notice(models.Model):
    """Something about a calendar that exactly this agent, and the managers, must know; with the cure in words."""

    kind = models.CharField(max_length=16, choices=NoticeKind)
    agent = models.ForeignKey(Agent, models.CASCADE, related_name="calendar_notices")
    appointment = models.ForeignKey(Appointment, models.CASCADE, null=True, blank=True, related_name="+")
    push = models.ForeignKey(Push, models.CASCADE, null=True, blank=True, related_name="+")
    text = models.CharField(max_length=500)
    cure = models.CharField(max_length=500, blank=True)
    data = models.JSONField(default=dict, blank=True)
    # Makes a repeated finding find the first one.
    key = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.CheckConstraint(condition=Q(kind__in=NoticeKind.values), name="notice_kind_known")]
        indexes = [models.Index(fields=["agent"], condition=Q(resolved_at__isnull=True), name="notice_open")]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def said(self) -> Words:
        """Return what is wrong and the cure, in the language in force if it was put into words in that."""
        return Words(*self.data.get(WORDS, {}).get(get_language(), (self.text, self.cure)))


class AuthFlow(models.Model):
    """A sign-in that has begun: bound to one person, used once, gone after ten minutes. `flow` is encrypted."""

    state_digest = models.CharField(max_length=64, unique=True)
    agent = models.ForeignKey(Agent, models.CASCADE, related_name="+")
    session_digest = models.CharField(max_length=64)
    flow = models.BinaryField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.agent)
