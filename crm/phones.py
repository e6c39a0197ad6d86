"""Phone numbers: E.164 inside, whatever people write at the edges."""

from __future__ import annotations

import re

import phonenumbers
from django.conf import settings

from crm.models.staff import E164

LONGEST_WRITTEN = 40


def to_e164(text: str) -> str | None:
    """Return `text` as E.164, or None when it is no phone number. National numbers are in PHONE_REGION.

    Possible is enough: numbers newer than the metadata, and fictional ones, are still numbers.
    """
    if len(text) > LONGEST_WRITTEN:
        return None
    try:
        number = phonenumbers.parse(text, settings.PHONE_REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written if re.fullmatch(E164, written) else None
