"""The first five minutes: what an office has to do once, each step found done or not from how things really stand.

Other apps register their steps; crm imports none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.core.cache import cache
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.models import Agent, Listing, WorkingHours
from crm.rights import sees_everything

# Once everything is done nobody looks again.
_DONE_KEY = "first-steps-done"


@dataclass(frozen=True)
class Step:
    """One thing to do. `url` is a page's name, `query` what follows it; lower `place`s come first."""

    key: str
    place: int
    label: str | Promise
    why: str | Promise
    act: str | Promise
    url: str
    is_done: Callable[[], bool]
    query: str = ""


@dataclass(frozen=True)
class Checklist:
    steps: list[tuple[Step, bool]]

    @property
    def done(self) -> int:
        return sum(is_done for _step, is_done in self.steps)

    @property
    def has_begun(self) -> bool:
        """Say whether more than half is done: one line reminds of the rest."""
        return self.done * 2 > len(self.steps)

    @property
    def next(self) -> Step | None:
        return next((step for step, is_done in self.steps if not is_done), None)


_steps: dict[str, Step] = {}


def register(step: Step) -> None:
    _steps[step.key] = step


def checklist(person: Agent) -> Checklist | None:
    """Return the steps for who can take them; None when all are done or the person put them away."""
    if not sees_everything(person) or person.first_steps_closed_at or cache.get(_DONE_KEY):
        return None
    steps = sorted(_steps.values(), key=lambda step: step.place)
    found = Checklist([(step, step.is_done()) for step in steps])
    if found.next is None:
        cache.set(_DONE_KEY, 1, timeout=None)
        return None
    return found


def connect() -> None:
    register(
        Step(
            "listings",
            3,
            _("Add your listings"),
            _("The assistant tells callers only what stands there."),
            _("Add listings"),
            "listings",
            Listing.objects.exists,
        )
    )
    register(
        Step(
            "hours",
            4,
            _("Set working hours"),
            _("Viewings are offered in people's working hours only."),
            _("Set hours"),
            "settings",
            WorkingHours.objects.exists,
            "?section=hours",
        )
    )
