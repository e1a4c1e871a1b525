"""The one way in which pages are made: everything escaped, nothing missing passes unnoticed, nothing fetched from elsewhere."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from trimtab import __version__


def render(name: str, **values: object) -> str:
    """A page from one of the templates; `version` is trimtab's own.

    Raises:
        jinja2.UndefinedError: the template asks for a value that is not given.
    """
    templates = Environment(
        loader=PackageLoader("trimtab.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return templates.get_template(name).render(version=__version__, **values)
