"""/api/v1/assistants"""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from calls.models import Assistant
from crm.api.fields import PhoneField, TextField
from crm.api.filters import Flag, Ids, ListFilters, Text
from crm.api.permissions import ManagersWrite
from crm.api.views import ReadMixin, ResourceViewSet, UpdateMixin


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


class AssistantFilters(ListFilters):
    vapi_id = Text()
    listing = Ids()
    agent = Ids()
    is_active = Flag()


class AssistantViewSet(ReadMixin, UpdateMixin, ResourceViewSet):
    """Assistants by name; managers map them. Filters: vapi_id, listing, agent, is_active."""

    access = [ManagersWrite]
    queryset = Assistant.objects.all()
    serializer_class = AssistantSerializer
    filterset_class = AssistantFilters
    ordering_fields = ["id", "name"]
    ordering = ["name"]
