"""Bills of materials: refused with NoSbom, or their packages are read."""

import json
from contextlib import suppress

from trimtab.scan.sbom import NoSbom, read_sbom


def check(data: bytes) -> None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    with suppress(NoSbom):
        read_sbom(document, "x")
