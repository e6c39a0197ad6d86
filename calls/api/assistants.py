"""/api/v1/assistants"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from calls.models import Assistant
from crm.api import parameters
from crm.api.views import ReadMixin, ResourceViewSet

if TYPE_CHECKING:
    from django.db.models import QuerySet


class AssistantSerializer(serializers.ModelSerializer[Assistant]):
    """A voice persona at Vapi, and whom and what it speaks for."""

    class Meta:
        model = Assistant
        fields = ["id", "vapi_id", "name", "listing", "agent", "team", "phone_number", "first_message", "is_active"]
        read_only_fields = fields


class AssistantViewSet(ReadMixin, ResourceViewSet):
    """Assistants by name, read-only: they are mapped in Django admin. Filters: vapi_id, listing, agent, is_active."""

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
