"""Commands of probes and hooks, which are not given `$(NAME)` by Kubernetes, without the credentials in them."""

import re
import shlex
from collections.abc import Sequence

from trimtab.deploy.targets.credentials import Credentials
from trimtab.deploy.targets.kubernetes.labels import PLACEHOLDER, Environment
from trimtab.deploy.targets.kubernetes.process import Conceal
from trimtab.deploy.targets.reading import Reading

_SHELL = ["/bin/sh", "-c"]
_MARK = re.compile("\0(\\w+)\0")


def concealer(service: Reading, found: Environment, credentials: Credentials, key: str) -> Conceal:
    """Takes credentials out of a command: a shell reads them from the variables that the container has from its Secret.

    A command that no shell runs is given one, which is reported; what no variable holds becomes a placeholder, and is lost.
    """

    def conceal(words: Sequence[str]) -> list[str]:
        names = {value: _variable(service, found, credentials, value) for word in words for value in credentials.inside(word)}
        script = list(words[:2]) == _SHELL and len(words) == 3
        readable = {value for value, name in names.items() if name and not (script and "'" in words[2])}

        def instead(value: str) -> str:
            return f"\0{names[value]}\0" if value in readable else PLACEHOLDER

        hidden = [credentials.hide(word, instead) for word in words]
        if len(readable) < len(names):
            advice = f"Look for {PLACEHOLDER}, and read it from the variable of a Secret instead."
            service.lost(key, "A credential stands in it; it is not written down.", advice)
        if not readable:
            return hidden
        if script:
            return [*_SHELL, _MARK.sub(r"${\1}", hidden[2])]
        service.approximated(key, "A shell is started for it, as a credential is read from its variable.")
        return [*_SHELL, " ".join(map(_quoted, hidden))]

    return conceal


def _variable(service: Reading, found: Environment, credentials: Credentials, value: str) -> str:
    """The service's own variable that holds a credential and that a shell can name; empty for none."""
    names = (name for owner, name in credentials.places.get(value, ()) if owner == service.owner and name in found.secret)
    return next((name for name in names if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII)), "")


def _quoted(word: str) -> str:
    """A word for a shell, in which what was marked is a variable."""
    parts = _MARK.split(word)
    if len(parts) == 1:
        return shlex.quote(word)
    return "".join(f'"${{{part}}}"' if number % 2 else shlex.quote(part) if part else "" for number, part in enumerate(parts))
