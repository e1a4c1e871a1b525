"""What a rule finds and does not mend, and the reason that it tells."""

import pytest

from trimtab.fleet import MemoryTree, discover, facts_for
from trimtab.review import review_file
from trimtab.rules import default_rules

OWNED = "FROM python:3.13-slim\nRUN useradd app\n"
LATE = "FROM python:3.13-slim\nCOPY . /app\n"
BUILT = 'CMD ["a"]\n'
APT = "FROM debian:13\nRUN apt-get update && apt-get install -y gcc curl"
PIP = "FROM python:3.13-slim\nRUN apt-get update && apt-get install -y gcc\nWORKDIR /a\nCOPY r.txt .\n"
WHEELS = {"r.txt": "psycopg2\n", "main.py": "", "src/a": ""}
PLAIN = {"main.py": "", "a.py": "", "r.txt": "six\n", "src/a": ""}


def refusals(code: str, text: str, files: dict[str, str] | None = None) -> list[str]:
    """The reasons of one rule, empty where it mends what it finds."""
    fleet = discover(MemoryTree({"Dockerfile": text, **(files or PLAIN)}))
    rules = [rule for rule in default_rules() if rule.code == code]
    findings = review_file(facts_for(fleet.files[0], fleet), rules).findings
    return [each.refusal.reason if each.refusal else "" for each in findings]


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("DF012", "FROM a\nADD src/* /x/\n", "may match an archive tomorrow"),
        ("DF104", "FROM debian:13\nRUN --mount=type=cache,target=/var/cache/apt apt-get update && apt-get install -y a\nRUN apt-get install -y b\n", "a later install has no mount"),
        ("DF105", "FROM python:3.13\n# pip 20 is broken\nRUN pip install --upgrade pip\n", "a comment above says why"),
        ("DF106", "FROM debian:13\nRUN --network=host apt-get update\nRUN apt-get install -y a\n", "would take a comment or a mount along"),
        ("DF106", "FROM debian:13\nRUN apt-get \\\n# why\n update\nRUN apt-get install -y a\n", "would take a comment or a mount along"),
        ("DF120", OWNED + "COPY . /app\nRUN <<EOF\nchown -R app:app /app\nEOF\n", "in a heredoc"),
        ("DF120", OWNED + "COPY . /app\nRUN chown -R app:app /app $(ls)\n", "does not stand in a plain chain"),
        ("DF120", OWNED + "COPY . /app\nRUN if true; then chown -R app:app /app; fi\n", "does not stand in a plain chain"),
        ("DF120", OWNED + "COPY . /app\nRUN chown -R \\\n # why\n app:app /app\n", "a comment stands inside the command"),
        ("DF120", OWNED + "COPY . /app\nRUN chown -R app:app /app || true\n", "the chain has a fallback"),
        ("DF120", OWNED + "COPY . /app\nRUN chown --from=root -R app:app /app\n", "options that COPY has not"),
        ("DF120", OWNED + "COPY --chown=root . /app\nRUN chown -R app:app /app\n", "the COPY on line 3 already sets `--chown`"),
        ("DF120", OWNED + "ADD . /app\nRUN chown -R app:app /app\n", "line 3 is an ADD or in JSON form"),
        ("DF120", OWNED + 'COPY [".", "/app"]\nRUN chown -R app:app /app\n', "line 3 is an ADD or in JSON form"),
        ("DF120", OWNED + "COPY . /app\nRUN chown -R app:app /app/src\n", "brings more than the changed folder"),
        ("DF120", OWNED + "COPY . /app\nRUN chown -R app+x:app /app\n", "cannot be written as a COPY flag"),
        ("DF120", LATE + "RUN chown -R app:app /app\n", "user `app` comes from nowhere that this file shows"),
        ("DF120", LATE + "RUN chown -R app /app\n", "user `app` comes from nowhere that this file shows"),
        ("DF120", LATE + "RUN useradd app && chown -R app:app /app\n", "is created after the COPY and has no fixed number"),
        ("DF120", LATE + "RUN useradd app && chown -R app /app\n", "is created after the COPY and has no fixed number"),
        ("DF120", LATE + "RUN useradd -u 1001 app && chown -R app:5 /app\n", ""),
        ("DF120", LATE + "RUN useradd -u 1001 app && chown -R app:app /app\n", "group `app` is created after the COPY"),
        ("DF120", LATE + "RUN useradd -u 1001 app && chown -R app:www /app\n", "group `www` is created after the COPY"),
        ("DF120", OWNED + "COPY . /app\nRUN chmod -R u+x /app\n", "the mode `u+x` is symbolic"),
        ("DF120", "FROM node:24\nWORKDIR /app\nCOPY . .\nRUN npm ci\nRUN chown -R node:node /app\n", "and its files would keep their owner"),
        ("DF121", "FROM debian:13\nRUN <<EOF\napt-get update\napt-get install -y a\nEOF\n", "in a heredoc"),
        ("DF121", "FROM debian:13\nRUN apt-get update; apt-get install -y a\n", "a plain chain joined by `&&`"),
        ("DF121", "FROM debian:13\nRUN apt-get update && apt-get install -y a && exec ls\n", "something follows the chain"),
        ("DF122", APT + "\nRUN apk add --virtual x gcc\n" + BUILT, ""),
        ("DF122", "FROM alpine:3\nRUN apk add --virtual tools gcc\n" + BUILT, "by which a later instruction may take it away again"),
        ("DF122", APT + " $(cat x)\n" + BUILT, "or holds a substitution"),
        ("DF123", PIP + "RUN pip install --no-binary :all: -r r.txt\n" + BUILT, ""),
        ("DF123", PIP.replace("slim", "slim AS one") + "RUN pip install --no-binary :all: -r r.txt\n" + BUILT, "line 1"),
        ("DF123", PIP + "RUN pip install --no-binary :all: --no-build-isolation -r r.txt\n" + BUILT, "`--no-build-isolation`"),
        ("DF123", PIP.replace("python:3.13-slim", "acme/python") + "RUN pip install --no-binary :all: -r r.txt\n" + BUILT, "only the official Python images"),
        ("DF123", PIP + "RUN pip install --no-binary :all: -r r.txt && make x\n" + BUILT, "line 5"),
        ("DF129", "FROM debian:13\nRUN apt-get install -y $(cat x)\n", ""),
        ("DF201", "FROM debian:13\nENTRYPOINT [\"gosu\", \"app\", \"x\"]\n", "drops privileges itself"),
        ("DF201", "FROM debian:13\nENTRYPOINT [\"/init\"]\n", "an init system that starts as root"),
        ("DF201", "FROM python:3.13 AS a\nCMD [\"x\"]\nFROM a AS b\nRUN ls\nFROM a\nCMD [\"y\"]\n", ""),
        ("DF201", "FROM python:3.13\nONBUILD RUN ls\nCMD [\"python\", \"a.py\"]\n", "its ONBUILD triggers"),
        ("DF205", "FROM python:3.13 AS b\nRUN pip install --user six\nFROM python:3.13\nRUN useradd app\nCOPY --from=b /root/.local /root/.local\nUSER app\n", ""),
        ("DF205", "FROM python:3.13 AS b\nRUN pip install --user six\nFROM python:3.13\nRUN useradd app\nCOPY --from=b --chown=app /root/.local /root/.local\nUSER app\n", "its owner would own `/usr/local` as well"),
        ("DF205", "FROM python:3.12 AS b\nRUN pip install --user six\nFROM python:3.13\nRUN useradd app\nCOPY --from=b /root/.local /root/.local\nUSER app\n", "not known to read what `--prefix` puts"),
        ("DF205", 'FROM python:3.13 AS b\nRUN pip install --user six\nFROM python:3.13\nRUN useradd app\nCOPY --from=b ["/root/.local", "/root/.local"]\nUSER app\n', "is not known from here"),
        ("DF205", "FROM python:3.13\nRUN pip install --user $(cat x)\nRUN useradd app\nUSER app\n", "in a plain chain of commands"),
        ("DF210", "FROM debian:13\nRUN sudo \\\n # why\n ls\n", "would take a comment along"),
        ("DF210", "FROM debian:13\nRUN <<EOF\nsudo ls\nEOF\n", "in a heredoc"),
        ("DF110", "FROM python:3.13\nCOPY <<EOF . /app/\nx\nEOF\nWORKDIR /app\nRUN pip install -r r.txt\n", "heredoc or is in JSON form"),
        ("DF110", 'FROM python:3.13\nWORKDIR /app\nCOPY [".", "."]\nRUN pip install -r r.txt\n', "heredoc or is in JSON form"),
        ("DF110", "FROM python:3.13\nWORKDIR /app\nCOPY . .\nRUN cat <<EOF | sh\nx\nEOF\nRUN pip install -r r.txt\n", "in between may read what is copied"),
    ],
)  # fmt: skip
def test_refused(code: str, text: str, reason: str) -> None:
    files = WHEELS if code == "DF123" else None
    found = refusals(code, text, files)
    assert any(reason in each and bool(reason) == bool(each) for each in found), found
