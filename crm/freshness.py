"""Work that must be finished before a read, so that a reader sees what was already acknowledged.

Other apps register a function here; crm imports none of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)

_waiting: list[Callable[[], object]] = []


def register(settle: Callable[[], object]) -> None:
    """Have `settle` called before reads of leads, appointments and calls. It must bound its own waiting."""
    if settle not in _waiting:
        _waiting.append(settle)


def settle() -> None:
    """Finish what is pending. A failure is logged: slightly old data are better than no answer."""
    for function in _waiting:
        try:
            function()
        except Exception:
            logger.exception("Could not finish pending work before a read: %s", function)
