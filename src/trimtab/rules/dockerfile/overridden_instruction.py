"""DF308."""

from collections.abc import Iterator

from trimtab.fleet.chain import holds_comment
from trimtab.fleet.facts import Facts
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit


class OverriddenInstruction(DockerfileRule):
    """CMD, ENTRYPOINT or HEALTHCHECK that a later one in its stage replaces.

    ## What it does
    Finds all but the last of several CMDs, ENTRYPOINTs or HEALTHCHECKs in one stage.

    ## Why it matters
    Only the last one counts. The others read as if they did something: whoever wrote two meant both.

    ## Fix safety
    Safe: the earlier ones never had an effect, so taking them out changes nothing in the image. Refused where a comment
    stands inside one.

    ## References
    https://docs.docker.com/reference/build-checks/multiple-instructions-disallowed/
    """

    code = "DF308"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    aliases = ("MultipleInstructionsDisallowed", "DL4003", "DL4004", "DL3012", "DS-0016", "DS-0007", "DS-0023")
    clean = ['FROM a:1 AS x\nCMD ["a"]\nFROM x\nCMD ["b"]\nENTRYPOINT ["c"]\n']
    flagged = [
        Case('FROM a:1\nCMD ["a"]\nENV A=b\nCMD ["b"]\n', after='FROM a:1\nENV A=b\nCMD ["b"]\n'),
        Case("FROM a:1\nHEALTHCHECK NONE\nHEALTHCHECK CMD a\n", after="FROM a:1\nHEALTHCHECK CMD a\n"),
        Case("FROM a:1\nCMD a \\\n# why\n  b\nCMD c\n", refused="taking it out would take a comment along"),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for keyword in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
                found = [i for i in stage.instructions if i.keyword == keyword]
                for instruction in found[:-1]:
                    outcome: Fix | Refusal = Fix(f"take the {keyword} out", (Edit.delete(instruction.span),))
                    if holds_comment(file, instruction.span):
                        outcome = Refusal("taking it out would take a comment along")
                    message = f"the {keyword} on line {found[-1].start_line} replaces this one"
                    yield self.finding(facts, instruction.keyword_span, message, outcome)
