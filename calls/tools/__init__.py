"""The functions the assistant may call. `run_tool` runs one; `tool_definitions` tells Vapi of them all."""

from calls.tools import leads, rentals, times, viewings  # noqa: F401  (they register themselves)
from calls.tools.answers import Answer, Caller
from calls.tools.registry import STAGE_TOOL, Tool, registry, tool_definitions
from calls.tools.run import run_tool

__all__ = ["STAGE_TOOL", "Answer", "Caller", "Tool", "registry", "run_tool", "tool_definitions"]
