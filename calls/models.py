"""The voice side's tables: calls, the ledger of deliveries, tool calls with their answers, prompts, assistants."""

from __future__ import annotations

import uuid

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from calls.run_models import HistoryRun as HistoryRun
from calls.run_models import RehearsalRun as RehearsalRun
from crm.models import Agent, Lead, Listing, Team

# Never change it: every call's primary key depends on it.
CALL_NAMESPACE = uuid.UUID("5b0a1f6e-1f5d-5c0e-9d53-6f2a7c9d3e11")


def call_pk(vapi_id: str) -> uuid.UUID:
    """Return Pete's id of the call that Vapi names `vapi_id`.

    Computed, so that the first message of a call needs no look-up, whichever it is and wherever it arrives.
    """
    return uuid.uuid5(CALL_NAMESPACE, vapi_id)


class Stage(models.TextChoices):
    QUALIFICATION = "QUALIFICATION", _("Qualification")
    BOOKING = "BOOKING", _("Booking")
    CONFIRMATION = "CONFIRMATION", _("Confirmation")


class Phase(models.TextChoices):
    INITIALIZING = "INITIALIZING", _("Initializing")
    LISTENING = "LISTENING", _("Listening")
    THINKING = "THINKING", _("Thinking")
    RESPONDING = "RESPONDING", _("Responding")
    INTERRUPTED = "INTERRUPTED", _("Interrupted")
    ENDED = "ENDED", _("Ended")


# `ended_class` of a call that was closed because it was silent too long; any later message reopens it.
EXPIRED_CLASS = "expired"


class Assistant(models.Model):
    """A voice persona at Vapi, and whom and what it speaks for."""

    vapi_id = models.CharField(max_length=100, unique=True)
    name = models.CharField(max_length=100)
    listing = models.ForeignKey(Listing, models.SET_NULL, null=True, blank=True, related_name="assistants")
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, blank=True, related_name="assistants")
    team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="assistants")
    # The number callers dial, E.164: an assistant-request names it and nothing else.
    phone_number = models.CharField(max_length=16, null=True, blank=True, unique=True)
    first_message = models.CharField(max_length=500, blank=True)
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class SpokenWords(Func):
    """The words of a transcript, for the index and for the search that uses it: both must say the same."""

    template = "to_tsvector('english'::regconfig, jsonb_path_query_array(%(expressions)s, '$[*].text'::jsonpath))"
    output_field = SearchVectorField()


class Call(models.Model):
    """One phone conversation. Everything but the ids is a fold of the ledger and can be made again.

    `status` carries Vapi's words; `transcript` is [{role, text, at, interrupted}]; `cost` is in US dollars.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    vapi_id = models.CharField(max_length=200)
    status = models.CharField(max_length=32, default="queued")
    direction = models.CharField(max_length=16, default="inbound")
    stage = models.CharField(max_length=16, choices=Stage, default=Stage.QUALIFICATION)
    context = models.JSONField(default=dict, blank=True)
    phase = models.CharField(max_length=16, choices=Phase, default=Phase.INITIALIZING)
    # Since when the call is in `phase`; a live call's seconds there are counted up to the reader's clock.
    phase_since = models.DateTimeField(null=True, blank=True)
    phase_seconds = models.JSONField(default=dict, blank=True)
    invalid_transitions = models.PositiveIntegerField(db_default=0)
    alerts = models.JSONField(default=list, blank=True)
    transcript = models.JSONField(default=list, blank=True)
    assistant = models.ForeignKey(
        Assistant, models.SET_NULL, null=True, blank=True, related_name="calls", db_index=False
    )
    assistant_vapi_id = models.CharField(max_length=100, blank=True)
    lead = models.ForeignKey(Lead, models.SET_NULL, null=True, blank=True, related_name="calls", db_index=False)
    listing = models.ForeignKey(Listing, models.SET_NULL, null=True, blank=True, related_name="calls", db_index=False)
    customer_number = models.CharField(max_length=32, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_reason = models.CharField(max_length=200, blank=True)
    # Which of the few families `ended_reason` belongs to.
    ended_class = models.CharField(max_length=32, blank=True)
    summary = models.TextField(blank=True)
    recording_url = models.TextField(blank=True)
    cost = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    structured_data = models.JSONField(default=dict, blank=True)
    has_report = models.BooleanField(default=False)
    # How many rows of the ledger the columns above tell of; fewer than there are: fold again.
    projected_events = models.PositiveIntegerField(default=0)
    last_event_at = models.DateTimeField(db_default=Now())
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="call_stage_known"),
            models.CheckConstraint(condition=Q(phase__in=Phase.values), name="call_phase_known"),
            models.CheckConstraint(
                condition=Q(direction__in=["inbound", "outbound", "web"]), name="call_direction_known"
            ),
            models.CheckConstraint(condition=~Q(vapi_id=""), name="call_vapi_id_not_empty"),
            # Not `unique=True`, which would add an index for LIKE: every new call pays for each index.
            models.UniqueConstraint(fields=["vapi_id"], name="call_vapi_id_unique"),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="call_newest_first"),
            # The board, and the minute's search for silent calls.
            models.Index(fields=["last_event_at"], condition=~Q(phase="ENDED"), name="call_live"),
            # Partial, because a call begins without any of the three.
            models.Index(fields=["assistant"], condition=Q(assistant__isnull=False), name="call_assistant"),
            models.Index(fields=["lead"], condition=Q(lead__isnull=False), name="call_lead"),
            models.Index(fields=["listing"], condition=Q(listing__isnull=False), name="call_listing"),
            # Only once a call has ended: a live one is written several times a second.
            GinIndex(SpokenWords("transcript"), condition=Q(phase="ENDED"), name="call_words"),
        ]

    def __str__(self) -> str:
        return self.vapi_id


class Presence(models.Model):
    """Whether one member of staff is there to take calls: when they were last seen, and their own switch."""

    agent = models.OneToOneField(Agent, models.CASCADE, primary_key=True, related_name="presence")
    seen_at = models.DateTimeField(null=True, blank=True)
    takes_calls = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "presence"

    def __str__(self) -> str:
        return f"{self.agent_id} {self.seen_at}"


class Supervision(models.Model):
    """The lease under which one person at a time steers a live call. It lapses by itself; the row stays."""

    call = models.OneToOneField(Call, models.CASCADE, primary_key=True, related_name="supervision")
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, related_name="+")
    taken_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    # What the last control that Vapi took left behind.
    is_muted = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.call_id} by {self.agent_id}"


class ControlKind(models.TextChoices):
    SAY = "say", _("Said to the caller")
    WHISPER = "whisper", _("Whispered to the assistant")
    MUTE = "mute", _("Assistant muted")
    UNMUTE = "unmute", _("Assistant unmuted")
    TRANSFER = "transfer", _("Put through")
    END = "end", _("Call ended")
    LISTEN = "listen", _("Listened")
    TAKE_OVER = "take_over", _("Supervision taken over")


class ControlOutcome(models.TextChoices):
    SENDING = "sending", _("Being sent")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")
    # Vapi did not answer: it may or may not have happened.
    UNKNOWN = "unknown", _("Not confirmed")


class ControlAction(models.Model):
    """What one person did to a live call, and why. Written before it is sent, kept whatever came of it."""

    call = models.ForeignKey(Call, models.CASCADE, related_name="control_actions", db_index=False)
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, related_name="+")
    # Made with the form: the second click of two finds the first one's row.
    key = models.UUIDField()
    kind = models.CharField(max_length=16, choices=ControlKind)
    text = models.CharField(max_length=1000, blank=True)
    reason = models.CharField(max_length=200)
    # Whom the caller was put through to, or from whom the supervision was taken.
    other = models.ForeignKey(Agent, models.SET_NULL, null=True, blank=True, related_name="+")
    outcome = models.CharField(max_length=16, choices=ControlOutcome, default=ControlOutcome.SENDING)
    code = models.CharField(max_length=32, blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)
    # Of what lasts, which is listening: how long it lasted is part of the log.
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            # Also the index that reads one call's actions.
            models.UniqueConstraint(fields=["call", "key"], name="control_action_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="control_action_has_reason"),
            models.CheckConstraint(condition=Q(kind__in=ControlKind.values), name="control_action_kind_known"),
            models.CheckConstraint(condition=Q(outcome__in=ControlOutcome.values), name="control_action_outcome_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.call_id}"

    @property
    def seconds(self) -> float | None:
        """Return how long it lasted, None for what does not last."""
        return (self.ended_at - self.at).total_seconds() if self.ended_at else None


class PersonRequest(models.Model):
    """A call that asked for a person, as it asked last: whom it was put through to, or that nobody was there."""

    call = models.OneToOneField(Call, models.CASCADE, primary_key=True, related_name="person_request")
    # The delivery that asked: the same one again gets the same answer.
    fingerprint = models.UUIDField()
    answer = models.JSONField(default=dict)
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, blank=True, related_name="person_requests")
    # Of the first time: since then the caller has been waiting.
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.call_id} for {self.agent_id}"


class WebhookEvent(models.Model):
    """One delivery from Vapi, as received but without secrets. Appended, never changed.

    `fingerprint` is a 128-bit hash of what makes it the same delivery; `at` is Vapi's time, else our arrival time.
    """

    # Without an index of its own: the constraint's begins with the call. And without a constraint in the database: a
    # stage change is answered once its event is committed, and the call's row is made of that (`calls.promotion`).
    call = models.ForeignKey(
        Call, models.CASCADE, null=True, blank=True, related_name="events", db_index=False, db_constraint=False
    )
    fingerprint = models.UUIDField()
    type = models.CharField(max_length=64)
    at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())
    # The body as UTF-8 JSON. Bytes, not jsonb: a delivery is kept whatever strings it holds.
    body = models.BinaryField()
    # What a stage change was answered, as JSON: its ToolCall is made of this, after the answer.
    tool_answer = models.BinaryField(null=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            # How many stage changes of a call are known; of few events, so that the others do not pay for it.
            models.Index(fields=["call"], condition=Q(tool_answer__isnull=False), name="webhook_event_answered"),
        ]
        constraints = [
            # A repeated delivery changes nothing. Also the index that reads one call's ledger.
            models.UniqueConstraint(fields=["call", "fingerprint"], name="webhook_event_unique", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"


class ToolCall(models.Model):
    """One function the assistant asked for, and the answer it gets for ever.

    `code` is the refusal's code or "". `stage` is the stage afterwards; `facts` what the call's context gained.
    """

    call = models.ForeignKey(Call, models.CASCADE, related_name="tool_calls", db_index=False)
    tool_call_id = models.CharField(max_length=200)
    # A hash of name and arguments: the same id with other arguments is another call.
    fingerprint = models.UUIDField()
    name = models.CharField(max_length=64)
    arguments = models.JSONField(default=dict)
    answer = models.TextField(blank=True)
    # The new stage's prompt that went with the answer: a repeated call gets exactly what the first one got.
    prompt = models.TextField(blank=True)
    code = models.CharField(max_length=32, blank=True)
    stage = models.CharField(max_length=16, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    # When the facts landed on the lead: once, so that folding again never undoes what staff wrote since.
    landed_at = models.DateTimeField(null=True, blank=True)
    # The version of the prompt that spoke with this answer. Without a constraint in the database: no version that
    # goes away in the same moment may refuse a caller's answer.
    stage_prompt = models.ForeignKey(
        "StagePrompt",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="tool_calls",
        db_index=False,
        db_constraint=False,
    )
    duration_ms = models.FloatField(default=0)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["call", "tool_call_id", "fingerprint"], name="tool_call_unique"),
        ]
        indexes = [
            # In how many calls a prompt spoke. Partial: most tool calls come without one.
            models.Index(fields=["stage_prompt"], condition=Q(stage_prompt__isnull=False), name="tool_call_prompt"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.tool_call_id}"


class StagePrompt(models.Model):
    """One version of the system prompt of one stage, the office's or one assistant's own. Written, never changed.

    The newest version speaks; an assistant's own goes before the office's, and one without text ends it. Placeholders
    are `{{name}}` of the call's context, and `{{CONTEXT}}` for all of it.
    """

    stage = models.CharField(max_length=16, choices=Stage)
    assistant = models.ForeignKey(Assistant, models.CASCADE, null=True, blank=True, related_name="prompts")
    version = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    # Why it was written, in the author's words.
    note = models.CharField(max_length=200, blank=True, db_default="")
    author = models.ForeignKey(Agent, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["stage", "-version"]
        constraints = [
            # Of two people who write the same next version one is told.
            models.UniqueConstraint(
                fields=["stage", "assistant", "version"], name="stage_prompt_version_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="stage_prompt_stage_known"),
            models.CheckConstraint(
                condition=~Q(text="") | Q(assistant__isnull=False), name="stage_prompt_of_the_office_has_text"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage} v{self.version}"


class PromptUse(models.Model):
    """A version of a prompt that spoke in a call. What went with a tool call's answer is on the ToolCall."""

    # Without an index of its own: the constraint's begins with the call.
    call = models.ForeignKey(Call, models.CASCADE, related_name="prompt_uses", db_index=False)
    prompt = models.ForeignKey(StagePrompt, models.CASCADE, related_name="uses")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["call", "prompt"], name="prompt_use_once")]

    def __str__(self) -> str:
        return f"{self.prompt_id} in {self.call_id}"
