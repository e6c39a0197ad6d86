"""Names, e-mail addresses and agents as models write them."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from crm.errors import BadArguments, BadEmail
from crm.models import Agent, Listing
from crm.phones import to_e164

_SPOKEN = {" at ": "@", " dot ": ".", " underscore ": "_", " dash ": "-", " hyphen ": "-", " plus ": "+"}
_LONGEST_EMAIL = 254
# What models put where a name belongs.
_NO_NAME = frozenset({"caller", "customer", "user", "guest", "anonymous", "attendee", "name", "unknown caller", "lead"})


def read_email(text: str | None) -> str | None:
    """Return an e-mail address, also one that was spelled ("jane at example dot com"). Raises BadEmail."""
    if text is None:
        return None
    written = f" {text.casefold()} "
    if "@" not in written:
        for word, sign in _SPOKEN.items():
            written = written.replace(word, sign)
    written = "".join(written.split()).rstrip(".")
    try:
        validate_email(written)
    except ValidationError:
        written = ""
    if not written or len(written) > _LONGEST_EMAIL:
        raise BadEmail("That is not an e-mail address I can write to. Ask the caller to spell it letter by letter.")
    return written


def read_name(text: str | None) -> str | None:
    """Return a person's name, None for what only stands in its place."""
    if not text or text.casefold().strip("<>[]{}. ") in _NO_NAME or not re.search(r"[^\W\d_]", text):
        return None
    return text[:200]


def read_phone(text: str | None) -> str | None:
    """Return a number in E.164, None when it is no number."""
    return to_e164(text) if text else None


def find_agent(user_id: str | None, listing: Listing | None) -> Agent | None:
    """Return the agent that is named by id, e-mail or name and shows the home. Raises BadArguments."""
    if user_id is None:
        return None
    bookable = Agent.objects.filter(is_active=True, is_bookable=True)
    if re.fullmatch(r"\d{1,18}", user_id):
        agent = bookable.filter(pk=int(user_id)).first()
    else:
        agent = bookable.filter(email__iexact=user_id).first() or bookable.filter(full_name__iexact=user_id).first()
    if agent is None:
        raise BadArguments(
            "user_id names no agent of ours. Leave it out, and anybody who shows the home can be booked."
        )
    if listing is not None and not listing.agents.filter(pk=agent.pk).exists():
        raise BadArguments(f"{agent} does not show {listing}. Leave user_id out.")
    return agent
