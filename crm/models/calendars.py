"""When an agent can be booked: weekly working hours, office closures, busy times."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import IntegerRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.staff import Agent


class MinuteRange(Func):
    """int4range over two minutes of a day, half-open."""

    function = "int4range"
    output_field = IntegerRangeField()


class WorkingHours(models.Model):
    """One open stretch of a weekday in the agent's zone: [start_minute, end_minute), minutes after local midnight.

    `weekday` is 0 for Monday. An end of 1440 is midnight.
    """

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="working_hours")
    weekday = models.PositiveSmallIntegerField()
    start_minute = models.PositiveSmallIntegerField()
    end_minute = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["agent", "weekday", "start_minute"]
        verbose_name_plural = "working hours"
        constraints = [
            models.CheckConstraint(condition=Q(weekday__lte=6), name="working_hours_weekday"),
            models.CheckConstraint(
                condition=Q(end_minute__gt=F("start_minute")) & Q(end_minute__lte=1440), name="working_hours_order"
            ),
            ExclusionConstraint(
                name="working_hours_no_overlap",
                expressions=[
                    ("agent", RangeOperators.EQUAL),
                    ("weekday", RangeOperators.EQUAL),
                    (MinuteRange("start_minute", "end_minute"), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent} {self.weekday} {self.start_minute}-{self.end_minute}"


class Closure(models.Model):
    """Days on which the whole office is closed, in the office's zone, both ends included."""

    starts_on = models.DateField()
    ends_on = models.DateField()
    reason = models.CharField(max_length=200, blank=True)
    is_demo = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["starts_on", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="closure_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{self.starts_on} – {self.ends_on} {self.reason}".strip()


class BusyTime(models.Model):
    """An outside commitment of one agent: [starts_at, ends_at), UTC. Nothing is offered over it."""

    class Source(models.TextChoices):
        MANUAL = "manual", _("Manual")
        MICROSOFT = "microsoft", _("Microsoft")

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="busy_times")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=16, choices=Source, default=Source.MANUAL)
    external_id = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="busy_time_ends_after_start"),
            models.UniqueConstraint(
                fields=["agent", "source", "external_id"],
                condition=~Q(external_id=""),
                name="busy_time_external_unique",
            ),
        ]
        indexes = [models.Index(fields=["agent", "starts_at", "ends_at"], name="busy_time_agent_window")]

    def __str__(self) -> str:
        return f"{self.agent} {self.starts_at:%Y-%m-%d %H:%M}"
