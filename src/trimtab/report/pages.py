"""The one way in which pages are made: everything escaped, nothing missing passes unnoticed, nothing fetched from elsewhere."""

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
    return templates


def _place(value: float) -> str:
    """A length or a place with two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def render(name: str, *, policy: str = _POLICY, **values: object) -> str:
    """A page from one of the templates; `version` is trimtab's own, `policy` the page's Content-Security-Policy.

    Raises:
        jinja2.UndefinedError: the template asks for a value that is not given.
    """
    return _environment().get_template(name).render(policy=policy, version=__version__, figures=figures, **values)


def script(name: str) -> str:
    """A script that a page which is served may load, as it is."""
    return (files("trimtab.report") / "templates" / name).read_text(encoding="utf-8")
