"""/api/v1/saved-views: filters under a name"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from rest_framework import serializers

from crm import saved_views
from crm.api.fields import ChoiceField, TextField
from crm.api.filters import Choices, ListFilters
from crm.api.problems import Problem
from crm.api.views import CreateMixin, DeleteMixin, ReadMixin, ResourceViewSet, UpdateMixin
from crm.models import SavedView

if TYPE_CHECKING:
    from django.db.models import QuerySet


class SavedViewSerializer(serializers.ModelSerializer[SavedView]):
    """Filters of one page under a name. `query` is the page's query string; `person` is whose view it is."""

    page = ChoiceField(SavedView.Page.choices, required=False, default=SavedView.Page.LEADS)
    name = TextField(max_length=60)
    query = TextField(max_length=1000, allow_blank=True, required=False, default="")
    is_shared = serializers.BooleanField(required=False, default=False)

    class Meta:
        model = SavedView
        fields = ["id", "person", "page", "name", "query", "is_shared"]
        read_only_fields = ["person"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse another view's name: on a new one it would replace, on a changed one it would collide."""
        person, old = self.context["request"].user, self.instance
        name, page = attrs.get("name", getattr(old, "name", "")), attrs.get("page", getattr(old, "page", ""))
        same = SavedView.objects.filter(person=person, page=page, name=name)
        if old is not None and same.exclude(pk=old.pk).exists():
            raise serializers.ValidationError({"name": ["You have a view of this name."]}, "unique")
        return attrs


class SavedViewFilters(ListFilters):
    page = Choices(SavedView.Page.values)


class SavedViewViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, ResourceViewSet):
    """One's own views and those that team mates share, by name. A POST with a name that is there replaces that view."""

    queryset = SavedView.objects.all()
    serializer_class = SavedViewSerializer
    filterset_class = SavedViewFilters
    ordering_fields = ["id", "name"]
    ordering = ["name"]

    def get_queryset(self) -> QuerySet[SavedView]:
        return saved_views.seen_by(self.person)

    def perform_create(self, serializer: serializers.BaseSerializer[SavedView]) -> None:
        given = serializer.validated_data
        serializer.instance = saved_views.save(
            self.person, given["page"], given["name"], given["query"], is_shared=given["is_shared"]
        )

    def perform_update(self, serializer: serializers.BaseSerializer[SavedView]) -> None:
        view = cast(SavedView, serializer.instance)
        self._require_own(view)
        saved_views.change(view, serializer.validated_data)

    def perform_destroy(self, instance: SavedView) -> None:
        self._require_own(instance)
        instance.delete()

    def _require_own(self, view: SavedView) -> None:
        if view.person_id != self.person.pk:
            raise Problem(403, "not_allowed", "This view is a team mate's.")
