"""Staff: the people who sign in, and whose time is booked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower, Now
from django.db.models.lookups import IsNull
from django.utils.translation import gettext_lazy as _

from crm import languages

E164 = r"^\+[1-9][0-9]{6,14}$"


class Role(models.TextChoices):
    ADMIN = "admin", _("Administrator")
    MANAGER = "manager", _("Manager")
    AGENT = "agent", _("Agent")


class Team(models.Model):
    """A group of agents under one or more managers."""

    name = models.CharField(max_length=100, unique=True)
    is_demo = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def office_timezone() -> str:
    """Return the IANA name of the office's zone, the default for a new agent."""
    return settings.TIME_ZONE


def validate_timezone(name: str) -> None:
    """Raise ValidationError unless `name` is an IANA zone known here."""
    # "localtime" is a file beside the zones, and means another zone on another machine.
    if name == "localtime" or name not in available_timezones():
        raise ValidationError(_("%(name)s is not an IANA time zone."), params={"name": name}, code="timezone")


class AgentManager(BaseUserManager["Agent"]):
    """Creates staff by email; there are no user names."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Agent:
        """Create one person. Raises ValueError without an email."""
        if not email:
            raise ValueError("an agent needs an email")
        agent = self.model(email=self.normalize_email(email), **fields)
        agent.set_password(password)
        agent.save(using=self._db)
        return agent

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> Agent:
        """Create an administrator who may open Django admin."""
        fields |= {"is_staff": True, "is_superuser": True, "role": Role.ADMIN}
        return self.create_user(email, password, **fields)

    def get_by_natural_key(self, username: str | None) -> Agent:
        """Find by email, whatever its case: people type their address as they like."""
        return self.get(email__iexact=username)


class LocalTime(Func):
    """What the clocks of a zone show at an instant. PostgreSQL refuses a zone it does not know."""

    function = "timezone"
    output_field = models.DateTimeField()


class Agent(AbstractUser):
    """A member of staff. `is_bookable` says whether viewings are offered on this person's time."""

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(_("email address"))
    full_name = models.CharField(max_length=150)
    role = models.CharField(max_length=16, choices=Role, default=Role.AGENT)
    team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="agents")
    timezone = models.CharField(max_length=64, default=office_timezone, validators=[validate_timezone])
    # A code of settings.LANGUAGES; empty follows the browser.
    language = models.CharField(_("language"), max_length=8, choices=languages.choices, blank=True)
    # Whether a letter alone is a shortcut: who dictates, or has an unsteady hand, switches that off.
    has_letter_keys = models.BooleanField(default=True, editable=False)
    phone = models.CharField(max_length=16, blank=True)
    is_bookable = models.BooleanField(default=True)
    # When this person put the first steps away; None: they show until all are done.
    first_steps_closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_demo = models.BooleanField(default=False, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]
    objects: ClassVar[AgentManager] = AgentManager()  # type: ignore[assignment]

    class Meta:
        ordering = ["full_name", "pk"]
        constraints = [
            models.UniqueConstraint(Lower("email"), name="agent_email_unique"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="agent_role_known"),
            models.CheckConstraint(condition=Q(phone="") | Q(phone__regex=E164), name="agent_phone_e164"),
            # One row with a zone PostgreSQL does not know would fail availability for everybody.
            models.CheckConstraint(
                condition=IsNull(LocalTime(F("timezone"), Value(datetime(2000, 1, 1, tzinfo=UTC))), False),
                name="agent_timezone_known",
            ),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email

    def get_full_name(self) -> str:
        return self.full_name

    def get_short_name(self) -> str:
        return self.full_name.split(" ")[0] if self.full_name else self.email

    @property
    def is_manager(self) -> bool:
        """Managers and administrators see and change what belongs to others."""
        return self.role in (Role.ADMIN, Role.MANAGER)


class ApiToken(models.Model):
    """A program's key to the API, acting as one person. Only its SHA-256 is kept."""

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, default="API")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    # The first characters, so that people can tell their tokens apart.
    prefix = models.CharField(max_length=16, editable=False)
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope), default=list)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=["read", "write"]) & ~Q(scopes=[]), name="api_token_scopes_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
