"""Run one tool: a sentence comes back, whether it did what was asked or refused."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from calls.errors import UnknownTool
from calls.phrases import one_line, say_list
from calls.spoken_time import When
from calls.tools.answers import Answer, Caller
from calls.tools.desk import Desk, Scope
from calls.tools.homes import home_of_call
from calls.tools.offers import alternatives, say_offers
from calls.tools.registry import Tool, registry
from crm.audit.actors import acting, assistant_in
from crm.errors import CrmError, SlotRefused, UnclearTime

logger = logging.getLogger(__name__)


def run_tool(name: str, arguments: Mapping[str, Any], caller: Caller) -> Answer:
    """Run a tool and return its answer. A refusal is an answer too, and has changed nothing.

    Raises whatever is neither: a database error, a bug. The caller of this function turns that into words.
    """
    desk = Desk(caller)
    try:
        with acting(assistant_in(caller.vapi_id)), transaction.atomic():
            answer = _tool(name, caller).run(desk, arguments)
    except CrmError as refusal:
        logger.info("Tool %s of call %s refused: %s", name, caller.vapi_id, refusal.code)
        return _refused(desk, refusal)
    return Answer(one_line(answer.text), answer.facts, answer.code)


class NoCallError(CrmError):
    code = "failed"


def _tool(name: str, caller: Caller) -> Tool:
    """Return a tool that may run now. Raises UnknownTool, NoCallError."""
    found = registry.get(name)
    if found is None:
        raise UnknownTool(f"There is no tool of that name. There are {say_list(sorted(registry))}.")
    if found.writes and not caller.has_call:
        raise NoCallError("This works only in a call, and the message names none.")
    return found


def _refused(desk: Desk, refusal: CrmError) -> Answer:
    """Return the refusal as a sentence, with other times where a time was refused."""
    text = f"[{refusal.code}] {refusal.message}"
    if isinstance(refusal, SlotRefused):
        text = f"{text} {_instead(desk, refusal)}"
    return Answer(one_line(text), code=refusal.code)


def _instead(desk: Desk, refusal: SlotRefused) -> str:
    if desk.scope.listing is None and desk.scope.agent is None:
        desk.scope = Scope(home_of_call(desk))
    when = refusal.details.get("when")
    offers = refusal.alternatives or alternatives(desk, when if isinstance(when, When) else None)
    ask = "Ask the caller for the day and the time. " if isinstance(refusal, UnclearTime) else ""
    if not offers:
        return f"{ask}Nothing else is free. Offer to have a colleague call back."
    return f"{ask}I can offer {say_offers(desk, offers)}."
