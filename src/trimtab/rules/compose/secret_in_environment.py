"""CM203."""

from collections.abc import Iterator

from trimtab.fleet import Fleet
from trimtab.fleet.compose.interpolate import Interpolation
from trimtab.fleet.compose.raw import RawService, literal_parts, raw_services
from trimtab.fleet.secrets import is_secret_name, known_default, known_format, secret_kind
from trimtab.rules.base import Case, Category, Finding, FleetRule, Refusal, Severity

_REFUSAL = "where the deployment gets it from, `secrets:` or a variable without a default, is its owners' decision"


class SecretInEnvironment(FleetRule):
    """Credential written into a compose file.

    ## What it does
    Finds variables of compose services, and options that they are started with, whose name or format says that they are a
    credential, and whose value, or whose default in `${NAME:-default}`, stands in the file. `changeme` and the like count: they
    are what runs where nobody has changed them. The value is never shown.

    ## Why it matters
    It is in the repository and in its history for ever, and the default is what runs wherever nobody has set the variable.

    ## Fix safety
    Not fixed: the value has to come from somewhere else. One that others have seen should be replaced.

    ## References
    https://docs.docker.com/compose/how-tos/use-secrets/
    """

    code = "CM203"
    category = Category.SECURITY
    severity = Severity.MEDIUM
    since = "0.2"
    aliases = ("CL-0020", "CL-0021")
    clean = [
        Case(
            "FROM scratch\n",
            files={
                "compose.yaml": "services: {a: {image: a, environment: {DB_PASSWORD: '${P}', KEY_FILE: /t, API_KEY: ''}}}\n"
            },
        ),
        Case(
            "FROM scratch\n",
            files={
                "compose.yaml": "services: {a: {image: a, command: 'a --password ${P} --api-key --token-file /x', environment:"
                " {DB: 'postgres://u:${P}@db/a', A_PASSWORD: '${P:?change me}', B_TOKEN: 'Bearer ${T}'}}}\n"
            },
        ),
    ]
    flagged = [
        Case(
            "FROM scratch\n",
            refused=_REFUSAL,
            files={"compose.yaml": "services: {a: {image: a, environment: {DB_PASSWORD: horse}}}\n"},
        ),
        Case(
            "FROM scratch\n",
            refused=_REFUSAL,
            files={"compose.yaml": "services: {a: {image: a, environment: ['API_TOKEN=${T:-horse}']}}\n"},
        ),
        Case(
            "FROM scratch\n",
            refused=_REFUSAL,
            files={"compose.yaml": "services: {a: {image: a, environment: {DB: 'postgres://u:horse1@db/a'}}}\n"},
        ),
        *(
            Case("FROM scratch\n", refused=_REFUSAL, files={"compose.yaml": f"services: {{a: {{image: a, {each}}}}}\n"})
            for each in (
                "environment: {DB_PASSWORD: '${P:-${Q:-horse}}'}",
                "environment: {DB_PASSWORD: '${P-changeme}'}",
                "environment: {SECRET_KEY: your-secret-key-here}",
                "environment: {DB: 'postgres://u:${P:-horse1}@db/a'}",
                "command: redis-server --requirepass horse",
                "command: [sh, -c, 'serve --db-password=${P:-horse}']",
            )
        ),
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        for path in dict.fromkeys(fleet.compose_files):
            for service in raw_services(fleet.tree, path):
                for name, value, line in (*service.environment(), *_secret_options(service)):
                    kind = _kind(name, value)
                    if kind:
                        message = f"service `{service.name}`: `{name}` has its value in the file: {kind}"
                        about = f"{service.name} {name}"
                        yield self.finding_at(path, line, message, (service.name,), Refusal(_REFUSAL), about)


_STORES_OWN = frozenset({"requirepass", "masterauth"})
"""Options of Redis that are credentials."""


def _secret_options(service: RawService) -> Iterator[tuple[str, str, int]]:
    for name, value, line in service.options():
        if name in _STORES_OWN or is_secret_name(name):
            yield name, value, line


def _kind(name: str, value: str) -> str | None:
    """What is known of a credential that a value, or a part of it that holds where variables are not set, is."""
    name = "password" if name in _STORES_OWN else name
    found = (secret_kind(name, part) or known_default(name, part) for part in literal_parts(value))
    return next(filter(None, found), None) or known_format(Interpolation({}).text(value))
