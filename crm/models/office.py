"""The office's booking rules: one row that staff edit."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

# Steps that come round to the same minutes every local hour.
STEPS = [5, 6, 10, 12, 15, 20, 30, 60]
LONGEST_VIEWING_MINUTES = 720
HEX_COLOR = r"^#[0-9a-f]{6}$"
# Neither buffer may be longer: availability looks no further round a window for neighbours.
LONGEST_BUFFER_MINUTES = 720


def buffers_within_limit() -> Q:
    """Both buffers, or those that are set, are within the limit."""
    return Q(buffer_before_minutes__lte=LONGEST_BUFFER_MINUTES, buffer_after_minutes__lte=LONGEST_BUFFER_MINUTES)


class OfficeSettings(models.Model):
    """The rules behind availability. Exactly one row; `OfficeSettings.load()` reads it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    viewing_minutes = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_VIEWING_MINUTES)]
    )
    slot_step_minutes = models.PositiveSmallIntegerField(default=30, choices=[(step, str(step)) for step in STEPS])
    buffer_before_minutes = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(LONGEST_BUFFER_MINUTES)]
    )
    buffer_after_minutes = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(LONGEST_BUFFER_MINUTES)]
    )
    minimum_notice_minutes = models.PositiveIntegerField(default=60)
    horizon_days = models.PositiveSmallIntegerField(default=60, validators=[MinValueValidator(1)])
    # None: no cap.
    daily_cap = models.PositiveSmallIntegerField(null=True, blank=True)
    hold_seconds = models.PositiveIntegerField(default=180, validators=[MinValueValidator(1)])
    # [{"weekday": 0-6, "start": "09:00", "end": "17:00"}]: what people without hours of their own may be given.
    default_hours = models.JSONField(default=list, blank=True)
    # "#rrggbb", "" for Pete's own. `crm.brand` makes it readable in both themes.
    brand_color = models.CharField(max_length=7, blank=True)
    # How long data is kept, in days; None: for ever.
    keep_recordings_days = models.PositiveSmallIntegerField(null=True, blank=True)
    keep_transcripts_days = models.PositiveSmallIntegerField(null=True, blank=True)
    keep_events_days = models.PositiveSmallIntegerField(null=True, blank=True)
    keep_idle_leads_days = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "office settings"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="office_settings_one_row"),
            models.CheckConstraint(
                condition=Q(viewing_minutes__gt=0, viewing_minutes__lte=LONGEST_VIEWING_MINUTES),
                name="office_settings_viewing_minutes",
            ),
            models.CheckConstraint(condition=buffers_within_limit(), name="office_settings_buffers"),
            models.CheckConstraint(condition=Q(slot_step_minutes__in=STEPS), name="office_settings_step"),
            models.CheckConstraint(condition=Q(hold_seconds__gt=0), name="office_settings_hold_seconds"),
            models.CheckConstraint(condition=Q(horizon_days__gt=0), name="office_settings_horizon"),
            models.CheckConstraint(
                condition=Q(brand_color="") | Q(brand_color__regex=HEX_COLOR), name="office_settings_brand_color"
            ),
        ]

    def __str__(self) -> str:
        return "Booking rules"

    @classmethod
    def load(cls) -> OfficeSettings:
        """Return the row, made with the defaults at first."""
        return cls.objects.get_or_create(pk=1)[0]
