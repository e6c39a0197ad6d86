"""/api/v1/tasks: what people are to do for leads"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone
from rest_framework import serializers

from crm.api.fields import ChoiceField, IdField, InstantField, SeenLeadField, TextField
from crm.api.filters import Choices, Flag, Ids, ListFilters, When
from crm.api.problems import Problem
from crm.api.views import CreateMixin, ReadMixin, ResourceViewSet, UpdateMixin
from crm.models import Agent, Lead, Task, TaskKind
from crm.rights import colleagues, sees_everything, visible_leads

if TYPE_CHECKING:
    from django.db.models import QuerySet


class TaskSerializer(serializers.ModelSerializer[Task]):
    """Something to do for a lead. `done` ticks it off or takes that back; `done_at` says when it was ticked off."""

    lead = SeenLeadField(queryset=Lead.objects.all(), allow_null=True, required=False)
    kind = ChoiceField(TaskKind.choices, required=False, default=TaskKind.FOLLOW_UP)
    text = TextField(max_length=500)
    due_at = InstantField()
    assignee = IdField(queryset=Agent.objects.filter(is_active=True), allow_null=True, required=False)
    done = serializers.BooleanField(required=False, write_only=True)
    done_at = InstantField(read_only=True, allow_null=True)
    created_at = InstantField(read_only=True)

    class Meta:
        model = Task
        fields = ["id", "lead", "kind", "text", "due_at", "assignee", "done", "done_at", "created_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        done = attrs.pop("done", None)
        if done is not None:
            was = getattr(self.instance, "done_at", None)
            attrs["done_at"] = (was or timezone.now()) if done else None
        return attrs


class TaskFilters(ListFilters):
    lead = Ids()
    assignee = Ids()
    kind = Choices(TaskKind.values)
    done = Flag(method="ticked_off")
    vars()["from"] = When("due_at", "gte")  # A keyword.
    to = When("due_at", "lt")

    def ticked_off(self, queryset: QuerySet[Task], name: str, done: bool) -> QuerySet[Task]:
        return queryset.filter(done_at__isnull=not done)


class TaskViewSet(ReadMixin, CreateMixin, UpdateMixin, ResourceViewSet):
    """Tasks by when they are due."""

    queryset = Task.objects.all()
    serializer_class = TaskSerializer
    filterset_class = TaskFilters
    ordering_fields = ["id", "due_at", "created_at"]
    ordering = ["due_at"]

    def get_queryset(self) -> QuerySet[Task]:
        """Return what the person sees: their circle's and nobody's, and whatever is about a lead they see."""
        tasks = super().get_queryset()
        if sees_everything(self.person):
            return tasks
        leads = visible_leads(self.person).order_by().values("pk")
        circle = colleagues(self.person).values("pk")
        return tasks.filter(Q(lead__in=leads) | Q(assignee__in=circle) | Q(lead=None, assignee=None))

    def perform_create(self, serializer: serializers.BaseSerializer[Task]) -> None:
        self._refuse_burdening(serializer.validated_data)
        serializer.save(key=f"api:{uuid.uuid4()}")

    def perform_update(self, serializer: serializers.BaseSerializer[Task]) -> None:
        self._refuse_burdening(serializer.validated_data)
        serializer.save()

    def _refuse_burdening(self, values: dict[str, Any]) -> None:
        assignee = values.get("assignee")
        if assignee is None or sees_everything(self.person):
            return
        if not colleagues(self.person).filter(pk=assignee.pk).exists():
            raise Problem(403, "not_allowed", "You can give tasks to people of your team only.")
