"""The one way in which pages are made: everything escaped, nothing missing passes unnoticed, nothing fetched from elsewhere."""

import html
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from trimtab import __version__
from trimtab.report import figures

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may load for a page: nothing but the style that is in it."""


@cache
def _environment() -> Environment:
    templates = Environment(
        loader=PackageLoader("trimtab.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters["place"] = _place
    templates.filters["told"] = told
    return templates


def _place(value: float) -> str:
    """A length or a place with two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


_CODE = re.compile(r"`([^`]+)`")
_WHOLE = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d UTC)?|(?<![\w-])--[a-z][a-z-]*")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|s|days?|points|B|[kKMGT]i?B)(?![\w-]))")


@dataclass(frozen=True, slots=True)
class Marked:
    """Text with its markup, which is not escaped once more."""

    text: str

    def __html__(self) -> str:
        return self.text


def told(text: object) -> Marked:
    """A sentence as a page shows it: code as code, and no line ends within a moment, an option, or a figure with its unit."""
    found = _CODE.sub(r"<code>\1</code>", html.escape(str(text)))
    found = _WHOLE.sub(r'<span class="whole">\g<0></span>', found)
    return Marked(_UNIT.sub("\u00a0", found))


def render(name: str, *, policy: str = _POLICY, **values: object) -> str:
    """A page from one of the templates; `version` is trimtab's own, `policy` the page's Content-Security-Policy.

    Raises:
        jinja2.UndefinedError: the template asks for a value that is not given.
    """
    return _environment().get_template(name).render(policy=policy, version=__version__, figures=figures, **values)


def script(name: str) -> str:
    """A script that a page which is served may load, as it is."""
    return (files("trimtab.report") / "templates" / name).read_text(encoding="utf-8")
