"""Libraries that a Python wheel carries along: auditwheel renames them and leaves their old names in who loads them."""

import posixpath
import re
from collections.abc import Iterable

_CARRIED = re.compile(r"^(?P<folder>.*/(?P<package>[^/]+)\.libs)/lib(?P<stem>[\w+.-]+?)-[0-9a-f]{6,}[\w.-]*\.so")


class Bundled:
    """Which libraries each wheel of an image brings in its own `<package>.libs` folder (auditwheel's layout)."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._found: dict[tuple[str, str], set[str]] = {}
        for path in paths:
            match = _CARRIED.match(path)
            if match is not None:
                key = (posixpath.dirname(match["folder"]), match["package"])
                self._found.setdefault(key, set()).add(match["stem"])

    def by(self, path: str) -> frozenset[str]:
        """The stems of the libraries that the wheel of a file carries: the file loads those, whatever else it names."""
        stems = (
            found
            for (site, package), found in self._found.items()
            if path.startswith((f"{site}/{package}.libs/", f"{site}/{package}/"))
        )
        return frozenset[str]().union(*stems)
