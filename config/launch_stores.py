"""Hold the embedded stores that the settings of this installation need."""

from contextlib import AbstractContextManager, nullcontext

from config import embedded
from config import environment as env


def held_stores() -> AbstractContextManager[embedded.Hold | None]:
    """Return a context in which both stores answer; one that does nothing when both URLs are set."""
    if env.optional("DATABASE_URL") and env.optional("REDIS_URL"):
        return nullcontext()
    from django.conf import settings

    return embedded.hold(settings.DATA_DIR)
