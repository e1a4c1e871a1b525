"""Libraries that a Python wheel carries along: auditwheel renames them and leaves their old names in who loads them."""

import posixpath
import re
from collections.abc import Iterable

_CARRIED = re.compile(r"^(?P<folder>.*/(?P<package>[^/]+)\.libs)/lib(?P<stem>[\w+.-]+?)-[0-9a-f]{6,}[\w.-]*\.so")


class Bundled:
    """Which libraries each wheel of an image brings in its own `<package>.libs` folder (auditwheel's layout)."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._found: dict[tuple[str, str], dict[str, str]] = {}
        for path in paths:
            match = _CARRIED.match(path)
            if match is not None:
                key = (posixpath.dirname(match["folder"]), match["package"])
                self._found.setdefault(key, {})[posixpath.basename(path)] = match["stem"]

    def by(self, path: str, content: bytes) -> frozenset[str]:
        """The stems of the libraries that the wheel of a file carries: the file loads those, whatever else it names.

        A wheel's folder has the name of the distribution, which is not always that of the module, as with `scikit_learn.libs`
        beside `sklearn`: there the library that is loaded stands in the file by its new name.
        """
        stems: set[str] = set()
        for (site, package), libraries in self._found.items():
            if path.startswith((f"{site}/{package}.libs/", f"{site}/{package}/")):
                stems.update(libraries.values())
            elif path.startswith(f"{site}/"):
                stems.update(stem for name, stem in libraries.items() if name.encode() in content)
        return frozenset(stems)
