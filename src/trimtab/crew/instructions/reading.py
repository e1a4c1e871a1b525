"""What one clause means, once its form is known. A form whose meaning does not hold together is no reading."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from trimtab.crew.instructions import asking, places, values
from trimtab.crew.instructions.clause import NOT_UNDERSTOOD, Fit, Frame, Reading
from trimtab.crew.instructions.grammar import Form, fits
from trimtab.crew.instructions.segments import Segment

_READERS: Mapping[Form, Callable[[Fit], Reading | None]] = {**asking.READERS, **values.READERS, **places.READERS}


def read(segment: Segment, frame: Frame) -> Reading:
    """The first reading of a clause that holds together. Never raises."""
    if frame.kind == "exclude" or frame.opens == "patterns":
        # Among patterns, the word is the file.
        files = tuple(
            replace(each, tag="X", value=each.text) if each.text == "Dockerfile" else each for each in segment.lexemes
        )
        segment = replace(segment, lexemes=files)
    for form, match in fits(segment.tags).items():
        reading = _READERS[form](Fit(segment, match, frame))
        if reading is not None:
            return reading
    return NOT_UNDERSTOOD
