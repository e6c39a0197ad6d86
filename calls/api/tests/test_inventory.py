"""Whatever a person can do on a page a program can do, but for what is named here with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from crm.api.described import description

# The page's address by name, and what a program calls for it, under /api/v1.
DONE_BY = {
    "appointment-cancel": "POST appointments/{id}/cancel",
    "appointment-confirm": "POST appointments/{id}/confirm",
    "appointment-move": "POST appointments/{id}/reschedule",
    "appointment-move-back": "POST appointments/{id}/reschedule",
    "appointment-new": "POST appointments",
    "appointment-outcome": "POST appointments/{id}/complete",
    "appointment-reopen": "POST appointments/{id}/reopen",
    "appointment-restore": "POST appointments/{id}/restore",
    "appointment-take-back": "POST appointments/{id}/cancel",
    "assistant": "PATCH assistants/{id}",
    "assistants-apply": "POST assistants/differences",
    "calendar-act": "POST agents/{agent}/calendar/{action}",
    "calendar-choose": "PUT agents/{agent}/calendar",
    "call-history": "POST call-history",
    "call-note": "POST notes",
    "closure-add": "POST closures",
    "closure-remove": "DELETE closures/{id}",
    "closure-restore": "POST closures",
    "control": "POST calls/{call}/control",
    "import-check": "POST imports/{id}/check",
    "import-run": "POST imports/{id}/run",
    "import-undo": "POST imports/{id}/undo",
    "imports": "POST imports",
    "lead-claim": "POST leads/{lead}/claim",
    "lead-fact": "PATCH leads/{id}",
    "lead-merge": "POST leads/{lead}/merge",
    "lead-message": "POST leads/{lead}/messages",
    "lead-move": "PATCH leads/{id}",
    "lead-note": "POST notes",
    "lead-owner": "PATCH leads/{id}",
    "lead-part": "POST leads/{lead}/part",
    "lead-release": "POST leads/{lead}/release",
    "lead-task": "POST tasks",
    "lead-undo": "PATCH leads/{id}",
    "lead-viewing": "POST appointments",
    "leads-bulk": "PATCH leads/bulk",
    "leads-bulk-undo": "PATCH leads/bulk",
    "leads-forget-view": "DELETE saved-views/{id}",
    "leads-save-view": "POST saved-views",
    "listing-edit": "PATCH listings/{id}",
    "listing-new": "POST listings",
    "listing-photo": "PATCH listings/{listing}/photos/{id}",
    "listing-photo-back": "POST listings/{listing}/photos/{photo}/restore",
    "listing-photo-order": "PUT listings/{listing}/photos/order",
    "listing-photos": "POST listings/{listing}/photos",
    "listing-status": "PATCH listings/{id}",
    "listing-undo": "PATCH listings/{id}",
    "listing-words": "POST listings/{id}/words",
    "notifications-read": "POST notices/read",
    "notifications-unread": "PATCH notices/{id}",
    "notifications-wishes": "PATCH notices/wishes",
    "notifications-wishes-undo": "PATCH notices/wishes",
    "palette-lead": "POST leads",
    "person-edit": "PATCH agents/{id}",
    "person-hours": "PUT agents/{id}/working-hours",
    "person-new": "POST agents",
    "pipeline-move": "PATCH leads/{id}",
    "prompt": "PUT prompts/{stage}",
    "prompt-restore": "POST prompts/{stage}/versions/{version}/restore",
    "rehearsals-start": "POST rehearsals",
    "set_language": "PATCH agents/{id}",
    "settings-give-hours": "POST settings/give-hours",
    "settings-save": "PATCH settings",
    "settings-undo": "PATCH settings",
    "take-calls": "PUT presence",
    "task-assign": "PATCH tasks/{id}",
    "task-done": "PATCH tasks/{id}",
    "task-put-back": "PATCH tasks/{id}",
    "task-reopen": "PATCH tasks/{id}",
    "task-snooze": "PATCH tasks/{id}",
    "test-suite": "POST checks",
    "test-suite-check": "POST checks",
    "hours-take-back": "PUT agents/{id}/working-hours",
    "token-revoke": "DELETE tokens/{id}",
    "webhook-add": "POST webhooks",
    "webhook-remove": "DELETE webhooks/{id}",
    "webhook-restore": "POST webhooks",
    "webhook-switch": "PATCH webhooks/{id}",
}
FOR_PEOPLE = {
    "first-steps-close": "what one's own page shows",
    "first-steps-open": "what one's own page shows",
    "letter-keys": "what one's own keyboard does",
    "person-link": "a way in for somebody: a token that made one could become them",
    "practice-end": "talking to the assistant as a caller would; rehearsals are for programs",
    "practice-say": "talking to the assistant as a caller would; rehearsals are for programs",
    "practice-start": "talking to the assistant as a caller would; rehearsals are for programs",
    "presence": "who looks at what is about people at a desk",
    "token-make": "a token that made tokens could not be taken back",
    "token-restore": "a token that brought itself back could not be taken away",
}


def test_every_act_of_a_page_is_a_programs_too_or_says_why_not() -> None:
    acts = {str(pattern.name) for path, pattern in pages(get_resolver()) if "POST" in methods(pattern.callback)}

    assert not DONE_BY.keys() & FOR_PEOPLE.keys()
    # What a later page brings is added to one of the two.
    assert acts - DONE_BY.keys() - FOR_PEOPLE.keys() == set()
    assert len(acts) > 60


def test_what_a_program_calls_is_described() -> None:
    paths = description()["paths"]
    operations = {f"{method.upper()} {path}" for path, found in paths.items() for method in found}

    assert {call.replace(" ", " /api/v1/") for call in DONE_BY.values()} - operations == set()


def pages(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the address and the pattern of everything outside the API and Django admin."""
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield path, pattern
        elif not path.startswith(("admin/", "api/v1/")):
            yield from pages(pattern, path)


def methods(view: Callable[..., Any] | None) -> list[str]:
    """Return what `require_POST` and its like let through to a page, nothing for what is no page of ours."""
    while view is not None:
        names = getattr(getattr(view, "__code__", None), "co_freevars", ())
        cells = dict(zip(names, getattr(view, "__closure__", None) or (), strict=True))
        if "request_method_list" in cells:
            return list(cells["request_method_list"].cell_contents)
        view = getattr(view, "__wrapped__", None)
    return []


def test_a_post_says_whether_a_key_means_anything_to_it() -> None:
    keyless = {
        path.removeprefix("/api/v1/")
        for path, found in description()["paths"].items()
        if "post" in found and "Idempotency-Key" not in {one["name"] for one in found["post"].get("parameters", [])}
    }

    assert keyless == {"agents/{agent}/calendar/{action}", "assistants", "assistants/differences", "checks"}
