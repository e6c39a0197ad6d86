"""Many records in one request, each with its own outcome: what /leads/bulk, /listings/bulk and /tasks/bulk share"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Model
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from crm.api import problems
from crm.api.fields import read_id
from crm.api.schema import Schema, maybe, record, several
from crm.api.views import ApiView
from crm.errors import CrmError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_ROWS = 500
Record = TypeVar("Record", bound=Model)


def bulk_body(name: str) -> Schema:
    """Return the schema of {name: [...]}."""
    return record(**{name: {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": MOST_ROWS}})


def outcomes_of(name: str, component: str) -> Schema:
    """Return the schema of the answer, whose rows carry the record under `name`."""
    shown = {name: maybe({"$ref": f"#/components/schemas/{component}"})}
    problem = maybe({"$ref": "#/components/schemas/Problem"})
    row = record(index={"type": "integer"}, status={"type": "integer"}, problem=problem, **shown)
    return record(results=several(row), done={"type": "integer"}, refused={"type": "integer"})


def needs_one_of(attrs: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the values, refused when they change nothing."""
    if not attrs.keys() & set(names):
        raise serializers.ValidationError(f"Give {', '.join(names[:-1])} or {names[-1]}.", "required")
    return attrs


class BulkView(ApiView, ABC, Generic[Record]):
    """Makes or changes up to 500 records; each row stands for itself."""

    serializer_class: ClassVar[type[serializers.ModelSerializer[Any]]]

    @abstractmethod
    def found(self, ids: list[int]) -> dict[int, Record]:
        """Return those of these records that the one who asks may see."""

    @abstractmethod
    def make(self, values: dict[str, Any]) -> Record:
        """Make one record of what its serializer has let through."""

    @abstractmethod
    def change(self, record: Record, values: dict[str, Any]) -> Record:
        """Change one record and return it as it is now."""

    def make_all(self, name: str) -> Response:
        rows = self._rows(name)
        return self._answer([self._outcome(place, 201, partial(self._make, row)) for place, row in enumerate(rows)])

    def change_all(self, serializer_class: type[serializers.Serializer[Any]]) -> Response:
        serializer = serializer_class(data=self.request.data, context={"request": self.request})
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        ids = values.pop("ids")
        found = self.found([pk for pk in ids if read_id(pk)])
        changes = [partial(self._change, found.get(pk), values) for pk in ids]
        return self._answer([self._outcome(place, 200, change) for place, change in enumerate(changes)])

    def _rows(self, name: str) -> list[Any]:
        body = self.request.data
        rows = body.get(name) if isinstance(body, dict) else None
        if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
            raise serializers.ValidationError({name: [f"Give a list of 1 to {MOST_ROWS} {name}."]}, "invalid")
        return rows

    def _make(self, row: Any) -> Record:
        serializer = self.serializer_class(data=row, context={"request": self.request})
        serializer.is_valid(raise_exception=True)
        return self.make(serializer.validated_data)

    def _change(self, record: Record | None, values: dict[str, Any]) -> Record:
        if record is None:
            raise exceptions.NotFound("There is nothing here.", "not_found")
        return self.change(record, dict(values))

    def _outcome(self, place: int, status: int, act: Callable[[], Record]) -> dict[str, Any]:
        """Do one row and return what came of it; a refusal undoes only this row."""
        model: type[Model] = self.serializer_class.Meta.model
        name = str(model._meta.model_name)
        try:
            with transaction.atomic():
                done = act()
        except (exceptions.APIException, CrmError, IntegrityError) as exc:
            problem = problems.describe(exc)
            assert problem is not None
            return {"index": place, "status": problem["status"], name: None, "problem": problem}
        return {"index": place, "status": status, name: self.serializer_class(done).data, "problem": None}

    def _answer(self, results: list[dict[str, Any]]) -> Response:
        refused = sum(row["problem"] is not None for row in results)
        return Response({"results": results, "done": len(results) - refused, "refused": refused})
