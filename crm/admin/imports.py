"""Files that were brought in, row by row."""

from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from crm.admin.base import ReadOnlyAdmin
from crm.models import ImportBatch, ImportRow


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "filename", "kind", "status", "done_rows", "agent", "finished_at")
    list_filter = ("kind", "status")
    list_select_related = ("agent",)
    search_fields = ("filename",)


@admin.register(ImportRow)
class ImportRowAdmin(ReadOnlyAdmin):
    list_display = ("batch", "line", "outcome", "text", "object_id")
    list_filter = (("batch", AutocompleteSelectFilter), "outcome")
    list_select_related = ("batch",)
    search_fields = ("text", "batch__filename")
