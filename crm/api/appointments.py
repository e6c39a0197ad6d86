"""/api/v1/appointments"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response

from crm import booking, outcomes, slots, telling
from crm.api.fields import ChoiceField, IdField, InstantField, PhoneField, SeenLeadField, TextField
from crm.api.filters import Choices, Ids, ListFilters, When
from crm.api.idempotency import booking_key
from crm.api.views import ReadMixin, ResourceViewSet
from crm.leads import lead_for_caller
from crm.models import Agent, Appointment, AppointmentStatus, Lead, Listing
from crm.rights import visible_appointments

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class AppointmentSerializer(serializers.ModelSerializer[Appointment]):
    """A promised viewing, [starts_at, ends_at). `expires_at` is set while it is only held."""

    starts_at = InstantField(read_only=True)
    ends_at = InstantField(read_only=True)
    expires_at = InstantField(read_only=True, allow_null=True)
    created_at = InstantField(read_only=True)
    updated_at = InstantField(read_only=True)

    class Meta:
        model = Appointment
        fields = [
            "id",
            "lead",
            "listing",
            "agent",
            "starts_at",
            "ends_at",
            "status",
            "expires_at",
            "source",
            "cancel_reason",
            "calendar_state",
            "external_id",
            "call_id",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


@extend_schema_field({"type": "string"})
class SlotIdField(serializers.Field):
    """A `slot_id` as availability gave it; becomes the offer it names."""

    default_error_messages = {"invalid": "A slot_id is text."}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        return slots.decode(data)


class WhenSerializer(serializers.Serializer[Any]):
    """A start: a slot, or a time."""

    slot_id = SlotIdField(required=False)
    starts_at = InstantField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        slot = attrs.get("slot_id")
        if slot is None and "starts_at" not in attrs:
            raise serializers.ValidationError("Give slot_id or starts_at.", "required")
        if slot is not None and attrs.setdefault("starts_at", slot.starts_at) != slot.starts_at:
            raise serializers.ValidationError({"starts_at": ["The slot starts at another time."]}, "contradiction")
        return attrs


class BookingSerializer(WhenSerializer):
    """What to book, for whom. Without an agent, one who is free is chosen."""

    agent = IdField(queryset=Agent.objects.all(), allow_null=True, required=False)
    listing = IdField(queryset=Listing.objects.all(), allow_null=True, required=False)
    lead = SeenLeadField(queryset=Lead.objects.all(), allow_null=True, required=False)
    attendee_name = TextField(max_length=200, allow_blank=True, allow_null=True, required=False)
    attendee_phone = PhoneField(allow_null=True, required=False)
    attendee_email = serializers.EmailField(max_length=254, allow_blank=True, allow_null=True, required=False)
    hold = serializers.BooleanField(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        slot = attrs.get("slot_id")
        if slot is not None:
            attrs["agent"] = self._agreeing(attrs, "agent", Agent, slot.agent_id)
            attrs["listing"] = self._agreeing(attrs, "listing", Listing, slot.listing_id)
        if attrs.get("listing") is None:
            raise serializers.ValidationError({"listing": ["Say which listing is to be viewed."]}, "required")
        if not any(attrs.get(name) for name in ("lead", "attendee_name", "attendee_phone", "attendee_email")):
            raise serializers.ValidationError(
                {"lead": ["Give lead, or the attendee's name, phone or email."]}, "required"
            )
        return attrs

    def _agreeing(self, attrs: dict[str, Any], name: str, model: type[Any], of_slot: int | None) -> Any:
        """Return what the slot names, or the body where the slot names none. Raises when they contradict."""
        given = attrs.get(name)
        if of_slot is None or (given is not None and given.pk == of_slot):
            return given
        if given is not None:
            raise serializers.ValidationError({name: [f"The slot is for another {name}."]}, "contradiction")
        return get_object_or_404(model, pk=of_slot)


class TellingSerializer(serializers.Serializer[Any]):
    """Who gets an e-mail about it: the lead, the agent, both, by default nobody."""

    tell = serializers.ListField(
        child=ChoiceField([(telling.LEAD, telling.LEAD), (telling.AGENT, telling.AGENT)]),
        required=False,
        max_length=2,
        default=list,
    )


class RescheduleSerializer(TellingSerializer, WhenSerializer):
    """Where to, and who is told by e-mail."""


class CancelSerializer(TellingSerializer):
    """Why a viewing is cancelled, and who is told by e-mail."""

    reason = TextField(max_length=500, allow_blank=True, required=False, default="")


class AppointmentFilters(ListFilters):
    agent = Ids()
    lead = Ids()
    listing = Ids()
    status = Choices(AppointmentStatus.values)
    vars()["from"] = When("ends_at", "gt")  # A keyword.
    to = When("starts_at", "lt")


class AppointmentViewSet(ReadMixin, ResourceViewSet):
    """Viewings by start. Filters: agent, lead, listing, status, from, to (those that touch the window)."""

    queryset = Appointment.objects.all()
    serializer_class = AppointmentSerializer
    filterset_class = AppointmentFilters
    reads_projections = True
    ordering_fields = ["id", "starts_at", "ends_at", "created_at", "updated_at", "status"]
    ordering = ["starts_at"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        lapsed = Appointment.objects.filter(status=AppointmentStatus.HELD, expires_at__lte=timezone.now())
        # The minute's sweep may not have come by yet; nobody should read of a hold that no longer holds.
        if request.method in SAFE_METHODS and lapsed.exists():
            booking.release_expired_holds()

    def get_queryset(self) -> QuerySet[Appointment]:
        return visible_appointments(self.person, super().get_queryset())

    @extend_schema(request=BookingSerializer, responses={201: AppointmentSerializer})
    def create(self, request: Request) -> Response:
        """Book, or hold, a viewing: 201, or 409 `slot_taken` with alternatives."""
        serializer = BookingSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        appointment = booking.book(
            lead=wanted.get("lead") or attendee(wanted),
            listing=wanted["listing"],
            agent=wanted.get("agent"),
            starts_at=wanted["starts_at"],
            idempotency_key=booking_key(request),
            source=self.actor(),
            hold=wanted["hold"],
            replaces_holds=False,
        )
        return Response(self.get_serializer(appointment).data, 201)

    @extend_schema(request=None, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        """Book what was held."""
        return self._shown(booking.confirm(self.get_seen_object().pk))

    @extend_schema(request=RescheduleSerializer, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"])
    def reschedule(self, request: Request, pk: str) -> Response:
        """Move a viewing to a slot or a time, under the same rules as booking one."""
        appointment = self.get_seen_object()
        serializer = RescheduleSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        slot = wanted.get("slot_id")
        when = {"slot": slot} if slot is not None else {"starts_at": wanted["starts_at"]}
        moved = booking.reschedule(appointment.pk, **when, replaces_holds=False)
        telling.tell(moved, telling.MOVED, wanted["tell"], by=self.person)
        return self._shown(moved)

    @extend_schema(request=CancelSerializer, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Give the time back."""
        appointment = self.get_seen_object()
        serializer = CancelSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        gone = booking.cancel(appointment.pk, reason=serializer.validated_data["reason"])
        telling.tell(gone, telling.CANCELLED, serializer.validated_data["tell"], by=self.person)
        return self._shown(gone)

    @extend_schema(request=None, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Book a cancelled viewing again at its old time, if that is still free."""
        return self._shown(booking.restore(self.get_seen_object().pk))

    @extend_schema(request=None, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Say that the person came. Only once the viewing has begun."""
        return self._outcome(AppointmentStatus.COMPLETED)

    @extend_schema(request=None, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"], url_path="no-show")
    def no_show(self, request: Request, pk: str) -> Response:
        """Say that the person did not come. Only once the viewing has begun."""
        return self._outcome(AppointmentStatus.NO_SHOW)

    @extend_schema(request=None, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        """Take back what was said of whether the person came."""
        return self._shown(outcomes.take_back_outcome(self.get_seen_object().pk, agent=self.person))

    def _outcome(self, outcome: AppointmentStatus) -> Response:
        appointment = self.get_seen_object()
        return self._shown(outcomes.record_outcome(appointment.pk, outcome=outcome, agent=self.person))

    def _shown(self, appointment: Appointment) -> Response:
        data = self.get_serializer(appointment).data
        return Response(data, headers={"ETag": self.etag(data)})


def attendee(wanted: dict[str, Any]) -> Lead:
    """Return the lead with this phone or email, or a new one."""
    return lead_for_caller(
        phone=wanted.get("attendee_phone"),
        email=wanted.get("attendee_email") or None,
        full_name=wanted.get("attendee_name") or None,
        source="api",
    )
