"""The fix engine over compose files: any text converges, still parses, and a second run changes nothing."""

from fuzz.fleets import rewritten, text_of


def check(data: bytes) -> None:
    rewritten({"compose.yaml": text_of(data)})
