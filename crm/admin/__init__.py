"""Django admin for the centre's tables. History is read-only, secrets are never shown, long lists are not counted."""

from crm.admin import audit, dashboard, diary, homes, hooks, imports, leads, messages, office, staff
from crm.admin.base import DeskAdmin, DeskInline, LongListAdmin, ReadOnlyAdmin

__all__ = [
    "DeskAdmin",
    "DeskInline",
    "LongListAdmin",
    "ReadOnlyAdmin",
    "audit",
    "dashboard",
    "diary",
    "homes",
    "hooks",
    "imports",
    "leads",
    "messages",
    "office",
    "staff",
]
