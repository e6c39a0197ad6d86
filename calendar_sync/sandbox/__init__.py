"""A stand-in for Microsoft 365: calendars as Microsoft Graph serves them, sign-in as Entra serves it.

It keeps state, speaks HTTP and knows nothing of Django or of Pete. Tests start it in threads, the demo runs it as a
process of its own: `python -m calendar_sync.sandbox --demo --port 8765`. Nothing in it is fit for real calendars.

`Sandbox` holds everything: `graph` answers requests, `entra` signs people in, `outlook(address)` is what a person does
in their own calendar, `faults` is the script of what goes wrong.
"""

from calendar_sync.sandbox.faults import Fault, Kind
from calendar_sync.sandbox.sandbox import Sandbox
from calendar_sync.sandbox.server import Server

__all__ = ["Fault", "Kind", "Sandbox", "Server"]
