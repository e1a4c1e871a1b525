"""Credentials of a project as variables of the shell that deploys the stack."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from trimtab.deploy.targets.credentials import Credentials
from trimtab.deploy.targets.reading import Reading
from trimtab.docker.command import OWN_NAMES
from trimtab.fleet.plain import items, mapping, text

_OPEN, _CLOSE = "\0{", "\0}"
"""Stand for `${` and `}` until the file's other `$` are escaped."""


@dataclass
class Wanted:
    """Hands out a variable for each credential: its own name where no other value has it, else with the service in front."""

    credentials: Credentials
    names: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    """By value and by the variable that the project has it in. Never shown."""

    def __repr__(self) -> str:
        return f"Wanted({sorted(self.names.values())})"

    def variable(self, service: Reading, name: str, value: str) -> str:
        """What a variable is set to: itself where nothing has to be hidden, else the reference, or a text with references."""
        if not self.credentials.is_one(name, value):
            return value
        key, parts = f"environment.{name}", self.credentials.parts(value)
        if not parts:
            return self._reference(service, key, value, name)
        return self.credentials.hide(value, lambda found: self._part(service, key, found, f"{name}_CREDENTIAL"), parts)

    def hidden(self, part: Reading, key: str, value: str) -> str:
        """A text with references in place of the credentials in it, each of which is reported."""
        return self.credentials.hide(value, lambda found: self._part(part, key, found, "CREDENTIAL"))

    def all_hidden(self, part: Reading, key: str) -> dict[str, object]:
        """The texts below a key by name, without the credentials in them; an option's own name may say that it is one."""
        found: dict[str, object] = {}
        for name, raw in sorted(mapping(part.take(key)).items()):
            value = text(raw) or ""
            found[name] = self.hidden(part, key, value)
        return found

    def _part(self, service: Reading, key: str, value: str, otherwise: str) -> str:
        places = sorted(name for _, name in self.credentials.places.get(value, ()) if name)
        return self._reference(service, key, value, next(iter(places), otherwise))

    def _reference(self, service: Reading, key: str, value: str, variable: str) -> str:
        name = self.names.get((value, variable)) or self._named(service.owner, variable)
        self.names[value, variable] = name
        why = "A credential, or the same as one; its value is not written down."
        service.approximated(key, why, f"Set {name} in the shell that deploys; without it nothing is deployed.")
        return f"{_OPEN}{name}:?is not set{_CLOSE}"

    def _named(self, service: str, variable: str) -> str:
        plain = re.sub(r"\W", "_", variable, flags=re.ASCII)
        longer = re.sub(r"\W", "_", f"{service}_{variable}", flags=re.ASCII).upper()
        numbered = (f"{longer}_{number}" for number in range(2, len(self.names) + 3))
        # A variable that the client itself obeys would change the client that deploys: `HTTP_PROXY`, `DOCKER_HOST`.
        taken = {*self.names.values(), *OWN_NAMES}
        return next(name for name in (plain, longer, *numbered) if name not in taken)


def written(value: object) -> object:
    """What a stack file says for a value: `$` doubled, as the client resolves `$NAME` in it, and references as such."""
    if isinstance(value, str):
        return value.replace("$", "$$").replace(_OPEN, "${").replace(_CLOSE, "}")
    if isinstance(value, Mapping):
        return {key: written(each) for key, each in mapping(cast("object", value)).items()}
    return [written(each) for each in items(cast("object", value))] if isinstance(value, list) else value
