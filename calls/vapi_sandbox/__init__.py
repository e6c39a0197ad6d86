"""A stand-in for Vapi's REST API: assistants, phone numbers, tools and calls that keep their state.

It speaks HTTP and knows nothing of Django or of Pete. Tests start it in threads; `python -m calls.vapi_sandbox --port
8770` runs it as a process of its own. Nothing in it is fit for real calls.

`Vapi` holds everything and answers requests; `Server` puts it on a port; `Fault` is something that goes wrong.
"""

from calls.vapi_sandbox.faults import Fault, Kind
from calls.vapi_sandbox.messages import Answer, Exchange, Request
from calls.vapi_sandbox.server import Server
from calls.vapi_sandbox.vapi import Vapi

__all__ = ["Answer", "Exchange", "Fault", "Kind", "Request", "Server", "Vapi"]
