"""/api/v1/assistants"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from calls.models import Assistant
from crm.api import parameters
from crm.api.fields import PhoneField, TextField
from crm.api.permissions import ManagersWrite
from crm.api.views import ReadMixin, ResourceViewSet, UpdateMixin

if TYPE_CHECKING:
    from django.db.models import QuerySet


class AssistantSerializer(serializers.ModelSerializer[Assistant]):
    """A voice persona at Vapi, and whom and what it speaks for. Its name and its id are Vapi's."""

    phone_number = PhoneField(
        allow_null=True,
        required=False,
        validators=[UniqueValidator(Assistant.objects.all(), "Another assistant has this number.")],
    )
    first_message = TextField(max_length=500, allow_blank=True, required=False)

    class Meta:
        model = Assistant
        fields = ["id", "vapi_id", "name", "listing", "agent", "team", "phone_number", "first_message", "is_active"]
        read_only_fields = ["id", "vapi_id", "name"]


class AssistantViewSet(ReadMixin, UpdateMixin, ResourceViewSet):
    """Assistants by name; managers map them. Filters: vapi_id, listing, agent, is_active."""

    access = [ManagersWrite]
    queryset = Assistant.objects.all()
    serializer_class = AssistantSerializer
    ordering_fields = ["id", "name"]
    ordering = ["name"]

    def narrow(self, queryset: QuerySet[Assistant]) -> QuerySet[Assistant]:
        wanted: dict[str, Any] = {
            "vapi_id": self.request.query_params.get("vapi_id") or None,
            "listing__in": parameters.ids(self.request, "listing"),
            "agent__in": parameters.ids(self.request, "agent"),
            "is_active": parameters.flag(self.request, "is_active"),
        }
        return queryset.filter(**parameters.given(wanted))
