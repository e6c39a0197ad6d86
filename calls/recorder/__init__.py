"""The flight recorder: any call as it stood at any second, by the same fold that shows live calls."""

from calls.recorder.moments import Moment, moment
from calls.recorder.tape import Tape, tape_of

__all__ = ["Moment", "Tape", "moment", "tape_of"]
