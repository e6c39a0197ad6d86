"""Spreadsheets hold people too: what is kept of a file, and what goes with somebody who is forgotten."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.imports import reading
from crm.imports.running import drop_file, path_of
from crm.models import ImportBatch, ImportKind, ImportRow, ImportStatus, Lead

if TYPE_CHECKING:
    from crm.traces import Marks

logger = logging.getLogger(__name__)


def forget(lead: Lead, marks: Marks) -> None:
    """Take a person out of what is kept of files: rows, samples, and files that are still to be brought in."""
    ImportRow.objects.filter(batch__kind=ImportKind.LEADS, object_id=lead.pk).update(text="", before=None)
    for batch in ImportBatch.objects.select_for_update(no_key=True).filter(kind=ImportKind.LEADS):
        _forget_sample(batch, marks, lead)
        if path_of(batch).exists() and _names(batch, marks):
            _forget_file(batch)


def _forget_sample(batch: ImportBatch, marks: Marks, lead: Lead) -> None:
    """Empty the sample rows that name the person: the rest of such a row is about them as well."""
    kept = [[""] * len(cells) if any(map(marks.is_in, map(str, cells))) else cells for cells in batch.sample]
    if kept != batch.sample:
        ImportBatch.objects.filter(pk=batch.pk).update(sample=kept)


def _names(batch: ImportBatch, marks: Marks) -> bool:
    """Say whether the file holds the person. One that can no longer be read is taken to."""
    try:
        lines = reading.lines(path_of(batch), batch.encoding)
        return any(marks.is_in(cell) for line in lines for cell in line.cells)
    except (reading.UnreadableFile, OSError):
        return True


def _forget_file(batch: ImportBatch) -> None:
    transaction.on_commit(partial(drop_file, batch))
    if batch.status in (ImportStatus.DONE, ImportStatus.UNDONE):
        return
    problem = _("The file was deleted: somebody in it asked to be forgotten. Take them out of yours and send it again.")
    ImportBatch.objects.filter(pk=batch.pk).update(
        status=ImportStatus.FAILED, problem=problem, finished_at=timezone.now()
    )
    logger.info("The file of import %s was deleted with an erased person", batch.pk)
