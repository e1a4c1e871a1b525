"""Lock files and requirements of every kind: their packages are read, or the file is told of."""

from fuzz.fleets import fleet_of, text_of
from trimtab.scan.locks import READERS
from trimtab.scan.match import key_of
from trimtab.scan.sources import source_packages

_NAMES = (*sorted(READERS), "requirements.txt", "package.json", "pyproject.toml", "composer/installed.json")


def check(data: bytes) -> None:
    name = _NAMES[data[0] % len(_NAMES)] if data else _NAMES[0]
    for package in source_packages(fleet_of({name: text_of(data[1:])})).packages:
        key_of(package)
        assert package.name, "a package without a name"
