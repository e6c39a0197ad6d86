"""/api/v1/teams"""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from crm.api.fields import TextField
from crm.api.permissions import ManagersWrite
from crm.api.views import CreateMixin, DeleteMixin, ReadMixin, ResourceViewSet, UpdateMixin
from crm.models import Team


class TeamSerializer(serializers.ModelSerializer[Team]):
    """People who see each other's leads. Who is in it stands with the agents."""

    name = TextField(max_length=100, validators=[UniqueValidator(Team.objects.all(), "There is a team of this name.")])

    class Meta:
        model = Team
        fields = ["id", "name"]


class TeamViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, ResourceViewSet):
    """Teams by name. When one is deleted its people stay, without a team."""

    queryset = Team.objects.all()
    serializer_class = TeamSerializer
    access = [ManagersWrite]
    ordering_fields = ["id", "name"]
    ordering = ["name"]
