"""/api/v1/tasks and /api/v1/tasks/bulk: what people are to do for leads"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, cast

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from crm.api.bulk import MOST_ROWS, BulkView, bulk_body, needs_one_of, outcomes_of
from crm.api.fields import ChoiceField, IdField, InstantField, SeenLeadField, TextField, WholeField
from crm.api.filters import Choices, Flag, Ids, ListFilters, When
from crm.api.problems import Problem
from crm.api.views import CreateMixin, ReadMixin, ResourceViewSet, UpdateMixin
from crm.models import Agent, Lead, Task, TaskKind
from crm.rights import assignable, colleagues, may_work_on_task, sees_everything, visible_leads
from crm.task_work import add_task, edit_task, finish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.response import Response


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


def refuse_burdening(person: Agent, values: Mapping[str, Any]) -> None:
    """Keep agents from giving tasks to people outside their team."""
    assignee = values.get("assignee")
    if assignee is not None and not assignable(person).filter(pk=assignee.pk).exists():
        raise Problem(403, "not_allowed", "You can give tasks to people of your team only.")


def make_task(person: Agent, values: Mapping[str, Any], actor: str) -> Task:
    """Make a task as its page would."""
    refuse_burdening(person, values)
    given = {"lead": None, "assignee": None} | dict(values)
    done = given.pop("done", False)
    task = add_task(**given, agent=person, key=f"api:{uuid.uuid4()}", actor=actor)
    if done:
        finish(task, person, actor=actor)
    return task


def change_task(person: Agent, task: Task, values: Mapping[str, Any], actor: str) -> None:
    """Change a task as its page would."""
    if not may_work_on_task(person, task):
        raise Problem(403, "not_allowed", "Claim this lead first, or ask its owner.")
    refuse_burdening(person, values)
    edit_task(task, values, person, actor=actor)


def visible_tasks(person: Agent, tasks: QuerySet[Task]) -> QuerySet[Task]:
    """Return what the person sees: their circle's and nobody's, and whatever is about a lead they see."""
    if sees_everything(person):
        return tasks
    leads = visible_leads(person).order_by().values("pk")
    circle = colleagues(person).values("pk")
    return tasks.filter(Q(lead__in=leads) | Q(assignee__in=circle) | Q(lead=None, assignee=None))


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

    queryset = Task.objects.select_related("lead", "assignee")
    serializer_class = TaskSerializer
    filterset_class = TaskFilters
    ordering_fields = ["id", "due_at", "created_at"]
    ordering = ["due_at"]

    def get_queryset(self) -> QuerySet[Task]:
        return visible_tasks(self.person, super().get_queryset())

    def perform_create(self, serializer: serializers.BaseSerializer[Task]) -> None:
        serializer.instance = make_task(self.person, serializer.validated_data, self.actor())

    def perform_update(self, serializer: serializers.BaseSerializer[Task]) -> None:
        change_task(self.person, cast(Task, serializer.instance), serializer.validated_data, self.actor())


class TaskChangeSerializer(serializers.Serializer[Any]):
    """One change for many tasks: done or not, due at another time, somebody else's."""

    ids = serializers.ListField(child=WholeField(), min_length=1, max_length=MOST_ROWS)
    done = serializers.BooleanField(required=False)
    due_at = InstantField(required=False)
    assignee = IdField(queryset=Agent.objects.filter(is_active=True), allow_null=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return needs_one_of(attrs, "done", "due_at", "assignee")


class TaskBulkView(BulkView[Task]):
    """Up to 500 tasks at once. A row that is refused says why and leaves the others alone."""

    serializer_class = TaskSerializer

    @extend_schema(request={"application/json": bulk_body("tasks")}, responses={200: outcomes_of("task", "Task")})
    def post(self, request: Request) -> Response:
        """Make tasks: {"tasks": [...]} → {"results": [{"index", "status", "task", "problem"}], "done", "refused"}."""
        return self.make_all("tasks")

    @extend_schema(request=TaskChangeSerializer, responses={200: outcomes_of("task", "Task")})
    def patch(self, request: Request) -> Response:
        """Change tasks by id: {"results": [{"index", "status", "task", "problem"}], "done", "refused"}."""
        return self.change_all(TaskChangeSerializer)

    def found(self, ids: list[int]) -> dict[int, Task]:
        return visible_tasks(self.person, Task.objects.select_related("lead", "assignee")).in_bulk(ids)

    def make(self, values: dict[str, Any]) -> Task:
        return make_task(self.person, values, self.actor())

    def change(self, record: Task, values: dict[str, Any]) -> Task:
        change_task(self.person, record, values, self.actor())
        return record
