"""What people and programs have done with a file: check it, bring it in, take it back. A worker does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from crm.errors import BadArguments, CrmError
from crm.imports.fields import People, fields_of
from crm.models import ImportBatch, ImportOutcome, ImportStatus

LEFT_ALONE = (ImportStatus.UPLOADED, ImportStatus.CHECKED, ImportStatus.FAILED)


class ImportRefused(CrmError):
    """This cannot be done with the file as it stands."""

    code = "import_refused"


def check(batch: ImportBatch, mapping: Mapping[str, int], *, updates: bool) -> None:
    """Keep which column is what, and go through the file. Raises BadArguments, ImportRefused."""
    fields = fields_of(batch.kind, People())
    missing = [str(one.label) for one in fields.values() if one.is_needed and one.name not in mapping]
    if missing or not mapping:
        text = _("Choose a column for: %(names)s.") % {"names": ", ".join(missing) or _("at least one field")}
        raise BadArguments(text)
    values = {"mapping": dict(mapping), "updates": updates, "done_rows": 0, "problem": ""}
    _begin(batch, LEFT_ALONE, ImportStatus.CHECKING, clear=True, **values)


def run(batch: ImportBatch) -> None:
    """Bring in what was checked. Raises ImportRefused."""
    _begin(batch, (ImportStatus.CHECKED,), ImportStatus.RUNNING, clear=True, done_rows=0)


def undo(batch: ImportBatch) -> None:
    """Take back what it brought. Raises ImportRefused."""
    if not has_brought(batch):
        raise ImportRefused(_("Nothing of this file is in."))
    _begin(batch, (ImportStatus.DONE, ImportStatus.FAILED), ImportStatus.UNDOING)


def has_brought(batch: ImportBatch) -> bool:
    brought = [ImportOutcome.CREATED, ImportOutcome.UPDATED]
    return batch.rows.filter(outcome__in=brought, object_id__isnull=False).exists() and not _is_only_checked(batch)


def _is_only_checked(batch: ImportBatch) -> bool:
    """Say whether the rows tell what would come of them: new ones that came have ids."""
    return batch.rows.filter(outcome=ImportOutcome.CREATED, object_id=None).exists()


def _begin(
    batch: ImportBatch, since: tuple[ImportStatus, ...], status: ImportStatus, *, clear: bool = False, **values: Any
) -> None:
    """Have a worker begin, once: of two who ask at once the second is refused."""
    # The tasks import what goes through a file, and this module beside it.
    from crm.tasks import work_on_import

    if clear and batch.status == ImportStatus.FAILED and has_brought(batch):
        raise ImportRefused(_("Part of this file is in. Take it back first."))
    if not ImportBatch.objects.filter(pk=batch.pk, status__in=since).update(status=status, finished_at=None, **values):
        raise ImportRefused(_("This file is being worked on, or is done."))
    if clear:
        batch.rows.all().delete()
    work_on_import.delay_on_commit(batch.pk)
