"""/api/v1/imports: spreadsheets of leads and listings"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from crm.api import parameters
from crm.api.fields import ChoiceField, InstantField, WholeField
from crm.api.filters import Choices, ListFilters
from crm.api.schema import COUNT, choice, parameter
from crm.api.views import ReadMixin, ResourceViewSet
from crm.api.webhooks import ManagersOnly
from crm.imports import acting
from crm.imports.fields import People, fields_of
from crm.imports.reading import MOST_COLUMNS
from crm.imports.running import counts, take_in
from crm.models import ImportBatch, ImportKind, ImportOutcome, ImportRow, ImportStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.parsers import BaseParser
    from rest_framework.request import Request

COUNTS = {"type": "object", "additionalProperties": COUNT}


class ImportSerializer(serializers.ModelSerializer[ImportBatch]):
    """One file. `mapping` is {field: number of the column, from 0}, `known_fields` the fields there are.

    `counts` is how many rows came, or would come, to what.
    """

    headings = serializers.ListField(child=serializers.CharField(), read_only=True)
    mapping = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    known_fields = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()
    created_at = InstantField(read_only=True)
    finished_at = InstantField(read_only=True, allow_null=True)

    class Meta:
        model = ImportBatch
        fields = [
            "id", "kind", "filename", "headings", "mapping", "known_fields", "updates", "status", "done_rows",
            "total_rows", "counts", "problem", "agent", "created_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields
        extra_kwargs: dict[str, Any] = {"agent": {"allow_null": True}}

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_known_fields(self, batch: ImportBatch) -> list[str]:
        return list(fields_of(batch.kind, People()))

    @extend_schema_field(COUNTS)
    def get_counts(self, batch: ImportBatch) -> dict[str, int]:
        return dict(counts(batch))


class FileSerializer(serializers.Serializer[Any]):
    """A CSV file or an Excel workbook of at most 50 MB, as multipart/form-data."""

    kind = ChoiceField(ImportKind.choices)
    file = serializers.FileField(max_length=200)


class ColumnsSerializer(serializers.Serializer[Any]):
    """Which column is what; without `mapping`, as it was guessed. `updates`: what is there is changed, or left."""

    mapping = serializers.DictField(child=WholeField(min_value=0, max_value=MOST_COLUMNS), required=False)
    updates = serializers.BooleanField(required=False, default=False)

    def validate_mapping(self, value: dict[str, int]) -> dict[str, int]:
        batch: ImportBatch = self.context["batch"]
        known = fields_of(batch.kind, People())
        wrong = sorted(name for name, place in value.items() if name not in known or place >= len(batch.headings))
        if wrong:
            raise serializers.ValidationError(f"There is no such field or column: {wrong[0][:50]}.", "unknown")
        return value


class RowSerializer(serializers.ModelSerializer[ImportRow]):
    """What came of one row. `object_id` is the lead's or the listing's."""

    class Meta:
        model = ImportRow
        fields = ["id", "line", "outcome", "text", "object_id"]
        read_only_fields = fields
        extra_kwargs: dict[str, Any] = {"object_id": {"allow_null": True}}


class ImportFilters(ListFilters):
    kind = Choices(ImportKind.values)
    status = Choices(ImportStatus.values)


class ImportViewSet(ReadMixin, ResourceViewSet):
    """Files being moved in, newest first; for managers. POST one, then check, run and, if need be, undo it."""

    queryset = ImportBatch.objects.all()
    serializer_class = ImportSerializer
    filterset_class = ImportFilters
    access = [ManagersOnly]
    ordering_fields = ["id", "created_at"]
    ordering = ["-id"]
    not_in_etag = ["done_rows"]

    def get_parsers(self) -> list[BaseParser]:
        is_upload = getattr(getattr(self, "request", None), "method", "") == "POST" and not self.detail
        return [MultiPartParser()] if is_upload else super().get_parsers()

    @extend_schema(request={"multipart/form-data": FileSerializer}, responses={201: ImportSerializer})
    def create(self, request: Request) -> Response:
        """Upload a file. Nothing is brought in yet; 409 `unreadable_file` says why it cannot be read."""
        serializer = FileSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        file = serializer.validated_data["file"]
        batch = take_in(file, filename=file.name, kind=serializer.validated_data["kind"], agent=self.person)
        return Response(self.get_serializer(batch).data, 201)

    @extend_schema(request=ColumnsSerializer, responses={200: ImportSerializer})
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: str) -> Response:
        """Have a worker say what would come of every row, without bringing any in."""
        batch = self.get_seen_object()
        serializer = ColumnsSerializer(data=request.data, context={"batch": batch})
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        mapping = given.get("mapping", batch.mapping)
        return self._begun(batch, lambda: acting.check(batch, mapping, updates=given["updates"]))

    @extend_schema(request=None, responses={200: ImportSerializer})
    @action(detail=True, methods=["post"])
    def run(self, request: Request, pk: str) -> Response:
        """Have a worker bring in what was checked."""
        batch = self.get_seen_object()
        return self._begun(batch, lambda: acting.run(batch))

    @extend_schema(request=None, responses={200: ImportSerializer})
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Have a worker take back what was brought in; what somebody has worked with since stays."""
        batch = self.get_seen_object()
        return self._begun(batch, lambda: acting.undo(batch))

    @extend_schema(
        responses=RowSerializer(many=True),
        parameters=[parameter("outcome", choice(ImportOutcome.values), "Rows that came to this.", many=True)],
        filters=False,
    )
    @action(detail=True, methods=["get"], filterset_class=None)
    def rows(self, request: Request, pk: str) -> Response:
        """What came, or would come, of every row."""
        self.ordering, self.ordering_fields = ["line"], ["line"]  # type: ignore[misc]
        read = parameters.choices_reader(ImportOutcome.values)
        outcomes = parameters.asked(request, "outcome", read, many=True)
        found = ImportRow.objects.filter(batch=self.get_object())
        rows = self.paginate_queryset(found.filter(outcome__in=outcomes) if outcomes else found) or []
        return self.get_paginated_response(RowSerializer(rows, many=True).data)

    def _begun(self, batch: ImportBatch, begin: Callable[[], None]) -> Response:
        begin()
        batch.refresh_from_db()
        return Response(self.get_serializer(batch).data)
