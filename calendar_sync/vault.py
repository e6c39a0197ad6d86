"""What of calendars is sealed, and the vault that does it."""

from __future__ import annotations

from crm.vault import SHORTEST_KEY, VaultError, is_current, open_sealed, seal

__all__ = ["DELTA_LINK", "SHORTEST_KEY", "SIGN_IN", "TOKEN_CACHE", "VaultError", "is_current", "open_sealed", "seal"]

# The row id is the row's primary key; for a sign-in, which is sealed before it has one, its state.
TOKEN_CACHE = "connection.blob"
DELTA_LINK = "calendar.delta_link"
SIGN_IN = "auth_flow.flow"
