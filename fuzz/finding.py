"""Noticing what breaks, once for each place in the code, and going on."""

import hashlib
import resource
import time
import traceback
from pathlib import Path

from fuzz.target import HERE, Target

SLOW = 5.0
"""Seconds of processor time for one small case: more is a defect, too."""


class TooSlow(Exception):
    """A small case took too long."""


class Watch:
    """Runs cases of one target and keeps those that break."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.cases = 0
        self._seen: set[str] = set()

    def __call__(self, data: bytes) -> None:
        """One case; nothing is raised for a defect, so that the search goes on."""
        self.cases += 1
        started = time.process_time()
        try:
            self.target.check(data)
            took = time.process_time() - started
            if took > SLOW:
                raise TooSlow(f"{took:.1f} s for {len(data)} bytes")
        except Exception as error:  # noqa: BLE001  whatever a harness raises is what is looked for
            self._broke(data, error)

    def _broke(self, data: bytes, error: Exception) -> None:
        place = place_of(error)
        if place in self._seen:
            return
        self._seen.add(place)
        # Told at once: libFuzzer ends the process itself.
        print(f"places_that_broke: {len(self._seen)}", flush=True)
        folder = HERE / "found" / self.target.name
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(place.encode()).hexdigest()[:12]
        if not (folder / name).exists():
            (folder / name).write_bytes(data)
            told = "".join(traceback.format_exception(error))
            (HERE / "found" / f"{self.target.name}-{name}.txt").write_text(place + "\n" + told, "utf-8", "backslashreplace")


def place_of(error: BaseException) -> str:
    """Where an error comes from: its kind, with the deepest lines of our own code; digits of a message do not count."""
    cause = error.__cause__ or error
    frames = [frame for frame in traceback.extract_tb(cause.__traceback__) if "trimtab" in frame.filename]
    lines = [f"{Path(frame.filename).name}:{frame.name}" for frame in frames[-2:]]
    message = str(error) if isinstance(error, AssertionError) else ""
    return f"{type(cause).__name__} {' '.join(lines)} {''.join(each for each in message if not each.isdigit())[:80]}"


def limit_memory(gigabytes: int) -> None:
    """A case that takes all memory ends as a MemoryError, not as the machine's end."""
    resource.setrlimit(resource.RLIMIT_AS, (gigabytes << 30, gigabytes << 30))
