"""/api/v1/webhooks: other programs that are told what happens"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.response import Response

from crm.api import parameters
from crm.api.fields import ChoiceField, InstantField, TextField
from crm.api.filters import Flag, ListFilters
from crm.api.permissions import may_manage
from crm.api.views import CreateMixin, DeleteMixin, ReadMixin, ResourceViewSet, UpdateMixin
from crm.hooks.addresses import check_url
from crm.hooks.events import queue, redeliver
from crm.hooks.secrets import renew_secret
from crm.models import DeliveryStatus, WebhookDelivery, WebhookEvent, WebhookSubscription

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

DELIVERY_PATH = r"deliveries/(?P<delivery>[0-9]{1,18})/redeliver"


class ManagersOnly(BasePermission):
    """A subscriber hears of everybody's leads: only those who see everything may name one, or look."""

    message = "Only a manager or an administrator may see this."
    code = "manager_required"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return may_manage(request.user)


class WebhookSerializer(serializers.ModelSerializer[WebhookSubscription]):
    """An address that is told of `events`. `disabled_reason` says why Pete switched it off."""

    url = TextField(max_length=500)
    events = serializers.ListField(child=ChoiceField(WebhookEvent.choices), min_length=1, max_length=20)
    description = TextField(max_length=200, allow_blank=True, required=False)
    is_active = serializers.BooleanField(required=False)
    created_at = InstantField(read_only=True)

    class Meta:
        model = WebhookSubscription
        fields = ["id", "url", "events", "description", "is_active", "disabled_reason", "created_by", "created_at"]
        read_only_fields = ["disabled_reason", "created_by"]
        extra_kwargs = {"created_by": {"allow_null": True}}

    def validate_url(self, value: str) -> str:
        try:
            check_url(value)
        except ValueError as exc:
            raise serializers.ValidationError(str(exc), "not_public") from exc
        return value

    def validate_events(self, value: list[str]) -> list[str]:
        return sorted(set(value))


class NewWebhookSerializer(WebhookSerializer):
    """A new subscription. `secret` checks signatures: shown in this answer and never again, null in a repeated one."""

    secret = serializers.CharField(read_only=True, allow_null=True)

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """One event on its way to one subscriber."""

    next_attempt_at = InstantField(read_only=True)
    delivered_at = InstantField(read_only=True, allow_null=True)
    created_at = InstantField(read_only=True)

    class Meta:
        model = WebhookDelivery
        fields = [
            "id", "event", "payload", "status", "attempts", "response_status", "error", "next_attempt_at",
            "delivered_at", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class WebhookFilters(ListFilters):
    is_active = Flag()


class WebhookViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, ResourceViewSet):
    """Who is told what. Deliveries are signed: X-Pete-Signature is HMAC-SHA256 over "{X-Pete-Timestamp}.{body}"."""

    queryset = WebhookSubscription.objects.all()
    serializer_class = WebhookSerializer
    filterset_class = WebhookFilters
    access = [ManagersOnly]
    ordering_fields = ["id", "created_at"]
    ordering = ["id"]
    shown_once = ["secret"]
    not_in_etag = ["disabled_reason"]

    @extend_schema(responses={201: NewWebhookSerializer})
    def create(self, request: Request) -> Response:
        """Subscribe an https address that anybody on the internet can reach."""
        serializer = WebhookSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = serializer.save(created_by=self.person)
        return Response(WebhookSerializer(made).data | {"secret": renew_secret(made)}, 201)

    def perform_update(self, serializer: serializers.BaseSerializer[WebhookSubscription]) -> None:
        switched_on = serializer.validated_data.get("is_active")
        made = serializer.save(**({"disabled_reason": ""} if switched_on else {}))
        if switched_on:
            queue(made.pk)

    @extend_schema(request=None, responses={200: NewWebhookSerializer})
    @action(detail=True, methods=["post"], url_path="renew-secret")
    def renew_secret(self, request: Request, pk: str) -> Response:
        """Make another secret; the one before it signs nothing from now on."""
        subscription = self.get_object()
        return Response(WebhookSerializer(subscription).data | {"secret": renew_secret(subscription)})

    @extend_schema(
        responses=DeliverySerializer(many=True),
        parameters=[
            OpenApiParameter(
                "status", {"type": "array", "items": {"type": "string", "enum": DeliveryStatus.values}}, explode=False
            )
        ],
        filters=False,
    )
    @action(detail=True, methods=["get"], filterset_class=None)
    def deliveries(self, request: Request, pk: str) -> Response:
        """The log, newest first; kept for 30 days."""
        self.ordering, self.ordering_fields = ["-id"], ["id"]  # type: ignore[misc]
        status = parameters.asked(request, "status", parameters.choices_reader(DeliveryStatus.values), many=True)
        log = WebhookDelivery.objects.filter(subscription=self.get_object())
        rows = self.paginate_queryset(log.filter(status__in=status) if status else log) or []
        return self.get_paginated_response(DeliverySerializer(rows, many=True).data)

    @extend_schema(
        request=None,
        responses={201: DeliverySerializer},
        parameters=[OpenApiParameter("delivery", {"type": "integer", "minimum": 0}, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["post"], url_path=DELIVERY_PATH)
    def redeliver(self, request: Request, pk: str, delivery: str) -> Response:
        """Tell the same once more, after what is still waiting."""
        subscription = self.get_object()
        row = WebhookDelivery.objects.filter(subscription=subscription, pk=delivery).first()
        if row is None:
            raise Http404
        return Response(DeliverySerializer(redeliver(row)).data, 201)
