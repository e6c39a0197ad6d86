"""The assistant on a practice line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """An assistant as Vapi's snapshots name it; `address` and `unit` are of the home it speaks for, if any."""

    name: str
    vapi_id: str
    first_message: str
    phone_number: str = ""
    address: str = ""
    unit: str = ""
