"""CM203."""

from collections.abc import Iterator

from trimtab.fleet import Fleet
from trimtab.fleet.compose.raw import literal_parts, raw_services
from trimtab.fleet.secrets import secret_kind
from trimtab.rules.base import Case, Category, Finding, FleetRule, Refusal, Severity

_REFUSAL = "where the deployment gets it from, `secrets:` or a variable without a default, is its owners' decision"


class SecretInEnvironment(FleetRule):
    """Credential written into a compose file.

    ## What it does
    Finds variables of compose services whose name or format says that they are a credential, and whose value, or whose
    default in `${NAME:-default}`, stands in the file. The value is never shown.

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
        )
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
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        for path in dict.fromkeys(fleet.compose_files):
            for service in raw_services(fleet.tree, path):
                for name, value, line in service.environment():
                    kind = next((kind for part in literal_parts(value) if (kind := secret_kind(name, part))), None)
                    if kind:
                        message = f"service `{service.name}`: `{name}` has its value in the file: {kind}"
                        about = f"{service.name} {name}"
                        yield self.finding_at(path, line, message, (service.name,), Refusal(_REFUSAL), about)
