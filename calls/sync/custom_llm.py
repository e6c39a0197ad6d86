"""An assistant that thinks with Pete's LLM proxy: how Vapi has to ask it."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from calls.sync.compare import Change, Plan, Resource, text_of
from calls.sync.wanted import Wanted

_PATHS = frozenset({"/llm", "/llm/v1", "/llm/chat/completions", "/llm/v1/chat/completions"})
# What Vapi waits when nothing is set.
_DEFAULT_SECONDS = 20


def compare_custom_llm(model: Resource, wanted: Wanted, plan: Plan) -> Resource:
    """Note in `plan` how Vapi would ask Pete's proxy wrongly; return the fields put right, none for other models."""
    url = text_of(model.get("url"))
    if model.get("provider") != "custom-llm" or urlsplit(url).path.rstrip("/") not in _PATHS:
        return {}
    right: Resource = {}
    if not url.startswith(f"{wanted.llm_url}/") and url != wanted.llm_url:
        plan.changes.append(Change("model.url", url, wanted.llm_url))
        right["url"] = wanted.llm_url
    given = model.get("timeoutSeconds")
    seconds = given if isinstance(given, int | float) and not isinstance(given, bool) else _DEFAULT_SECONDS
    if seconds < wanted.llm_timeout_seconds:
        # Vapi would hang up on the model before Pete says its sentence about it.
        before = f"{seconds:g}" if given is not None else _("not set: %(n)s") % {"n": _DEFAULT_SECONDS}
        plan.changes.append(Change("model.timeoutSeconds", before, str(wanted.llm_timeout_seconds)))
        right["timeoutSeconds"] = wanted.llm_timeout_seconds
    if model.get("metadataSendMode") == "off":
        before = _("off: Pete does not learn which call asks")
        plan.changes.append(Change("model.metadataSendMode", before, "variable"))
        right["metadataSendMode"] = "variable"
    return right
