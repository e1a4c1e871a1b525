"""Compose files and scripts that a fix once broke, or would break if it looked less closely."""

import pytest

from trimtab.fleet import MemoryTree, discover
from trimtab.fleet.compose.service import duration, written_duration
from trimtab.review import review
from trimtab.rewrite import rewrite
from trimtab.rules import find_rules


def fixed(code: str, files: dict[str, str], *, unsafe: bool = True) -> dict[str, str | None]:
    """The files that a rule changes, with their new texts."""
    changes = rewrite(discover(MemoryTree(files)), unsafe=unsafe, rules=find_rules(code))
    assert not changes.bugs
    return {change.path: change.after for change in changes.changed}


def reasons(code: str, files: dict[str, str]) -> list[str]:
    """Why a rule does not fix what it finds."""
    found = review(discover(MemoryTree(files)), find_rules(code)).findings
    return [finding.refusal.reason for finding in found if finding.refusal]


STRICT = "#!/bin/bash\nset -e\ndocker ps\n"


@pytest.mark.parametrize(
    "text",
    [
        "while sleep 1; ((x--)); do docker ps; done\n",
        "until docker ps; ((x++)); do sleep 1; done\n",
        "if docker ps; ((x++)); then docker ps; fi\n",
        "if false; then a; elif docker ps; ((x++)); then b; fi\n",
        "f() {\n  docker ps\n  ((x++))\n}\nif f; then docker ps; fi\n",
        "f() {\n  for i in 1 2; do\n    ((x++))\n  done <a\n}\nf || docker ps\n",
        "f() {\n  if a; then\n    ((x++))\n  else\n    b\n  fi\n}\nf || docker ps\n",
        "f() {\n  case $1 in\n  a)\n    ((x++))\n    ;;\n  esac\n}\nf || docker ps\n",
        "f() {\n  ((x++))\n  return\n}\nf || docker ps\n",
        "docker ps &&\n  ((x++))\n",
        "((x++))\nif [ $? -ne 0 ]; then docker ps; fi\n",
        "while [ $? -eq 0 ]; do\n  ((x++))\ndone\ndocker ps\n",
        "(\n  docker ps\n  ((x++))\n) || true\n",
    ],
)
def test_an_increment_whose_status_counts_stays(text: str) -> None:
    files = {"a.sh": STRICT + text}
    assert fixed("SC110", files) == {}
    assert reasons("SC110", files)


@pytest.mark.parametrize(
    "text",
    ["cat > gen.sh <<EOF\n((n++))\nEOF\n", "cat <<'EOF'\n((n++))\nEOF\n", 'echo "\n((n++))\n"\n', "bash -c '\n((n++))\n'\n"],
)
def test_an_increment_that_is_only_text_is_none(text: str) -> None:
    assert fixed("SC110", {"a.sh": STRICT + text}) == {}


@pytest.mark.parametrize(
    "text",
    [
        "for i in 1 2; do\n  docker ps\n  ((x++))\ndone\n",
        "if a; then\n  ((x++))\nelse\n  b\nfi\n",
        "f() {\n  ((x++))\n  docker ps\n}\nf\n",
        "while read -r a; do ((x++)); done <b\n",
    ],
)
def test_a_plain_increment_is_fixed(text: str) -> None:
    assert fixed("SC110", {"a.sh": STRICT + text}, unsafe=False) == {"a.sh": STRICT + text.replace("((x++))", "x=$((x + 1))")}


def test_only_the_flag_of_build_goes() -> None:
    line = "docker compose --parallel 4 build --parallel api\n"
    assert fixed("SC103", {"a.sh": STRICT + line}) == {"a.sh": STRICT + "docker compose --parallel 4 build api\n"}


@pytest.mark.parametrize(
    "text",
    [
        'rm -rf "$DESTDIR/usr/share/x"\n',
        'rm -rf "${PREFIX}/opt/x"\n',
        'rm -rf "$INSTALL_ROOT/var"\n',
        'for d in "" /mnt/c; do rm -rf "$d/var/cache/x"; done\n',
        ': "${X:=}"; rm -rf "${X}/opt/x"\n',
        'X=\nrm -rf "$X/opt/x"\n',
        'rm -rf "$X/opt/x" || true\n',
        'rm -rf "$X/opt/x" \\\n  || true\n',
        '[ -z "$X" ] || rm -rf "$X/opt/x"\n',
        'if rm -rf "$X/opt/x"; then docker ps; fi\n',
        'trap "docker compose down" EXIT\nrm -rf "$X/opt/x"\n',
    ],
)
def test_a_removal_that_may_be_meant_without_a_folder_stays(text: str) -> None:
    assert fixed("SC116", {"a.sh": STRICT + text}) == {}


def test_a_removal_is_guarded_only_when_asked_for() -> None:
    assert fixed("SC116", {"a.sh": STRICT + 'rm -rf "$X/old"\n'}, unsafe=False) == {}
    assert fixed("SC116", {"a.sh": STRICT + 'rm -rf "$X/old"\n'}) == {"a.sh": STRICT + 'rm -rf "${X:?}/old"\n'}


PLAIN = "version: '3.8'\nservices:\n  a: {image: a}\n"


@pytest.mark.parametrize(
    "files",
    [
        {"compose.yaml": PLAIN.replace("image: a", "image: a, deploy: {placement: {constraints: [b]}}")},
        {"compose.yaml": PLAIN + "networks: {n: {driver: overlay}}\n"},
        {"compose.yaml": PLAIN + "secrets: {n: {external: true}}\n"},
        {"compose.yaml": PLAIN + "configs: {n: {external: true}}\n"},
        {"docker-compose.swarm.yml": PLAIN},
        {"stack/compose.yaml": PLAIN},
        {"deploy/swarm/compose.yaml": PLAIN},
        {"compose.yaml": PLAIN, "compose.stack.yaml": "services: {a: {environment: {A: b}}}\n"},
        {"compose.yaml": PLAIN, "README.md": "    docker stack deploy -c compose.yaml shop\n"},
        {"compose.yaml": PLAIN, "Makefile": "up:\n\tdocker stack deploy -c compose.yaml shop\n"},
    ],
)
def test_a_stack_keeps_its_version(files: dict[str, str]) -> None:
    assert fixed("CM503", files) == {}
    assert any("stack deploy" in reason for reason in reasons("CM503", files))


def test_compose_files_need_no_version() -> None:
    assert fixed("CM503", {"full-stack/compose.yaml": PLAIN})
    assert fixed("CM503", {"compose.yaml": PLAIN}, unsafe=False) == {"compose.yaml": "services:\n  a: {image: a}\n"}


CHECKED = "image: b, healthcheck: {test: [CMD, a]}"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (
            {
                "compose.yaml": f"services:\n  a:\n    image: a\n    depends_on: ['${{D:-p}}']\n  p: {{{CHECKED}}}\n  c: {{{CHECKED}}}\n",
                "compose.override.yaml": "services:\n  a:\n    depends_on: {c: {condition: service_healthy}}\n",
            },
            "by a variable",
        ),
        (
            {
                "compose.yaml": "services:\n  a:\n    image: a\n    depends_on: [b]\n  b: {image: b}\n",
                "compose.override.yaml": "services:\n  b:\n    healthcheck: {test: [CMD, a]}\n",
            },
            "another file",
        ),
        (
            {
                "compose.yaml": "services:\n  a:\n    image: a\n    depends_on: [b]\n  b: {image: b}\n",
                "compose.prod.yaml": "services:\n  b:\n    healthcheck: {test: [CMD, a]}\n",
            },
            "another file",
        ),
        (
            {
                "compose.yaml": f"services:\n  a:\n    image: a\n    depends_on: [b]\n  b: {{{CHECKED}}}\n",
                "compose.dev.yaml": "services:\n  b:\n    healthcheck: {disable: true}\n",
            },
            "disables",
        ),
        (
            {
                "compose.yaml": f"services:\n  a:\n    image: a\n    depends_on: [b]\n  b: {{{CHECKED}}}\n",
                "compose.dev.yaml": "services:\n  b:\n    image: c\n    healthcheck: {disable: true}\n",
            },
            "disables",
        ),
        (
            {
                "compose.yaml": "services:\n  a:\n    image: a\n    depends_on: [b]\n  b: {build: b}\n",
                "compose.dev.yaml": "services:\n  b:\n    build: !reset null\n    image: postgres:16\n  c: {environment: {A: b}}\n",
                "b/Dockerfile": "FROM python:3.13\nHEALTHCHECK CMD true\n",
            },
            "no health check with",
        ),
        (
            {"compose.yaml": f"services:\n  a:\n    image: a\n    depends_on: [db-migrate]\n  db-migrate: {{{CHECKED}}}\n"},
            "meant to end",
        ),
        (
            {
                "compose.yaml": "services:\n  a:\n    image: a\n    depends_on: [b]\n  b: {build: b}\n",
                "b/Dockerfile": "FROM python:3.13-slim\nHEALTHCHECK CMD curl -f http://localhost/\n",
            },
            "unable to pass",
        ),
        (
            {
                "compose.yaml": "services:\n  a:\n    image: a\n    depends_on: [b]\n  b: {build: b}\n",
                "b/Dockerfile": "FROM python:3.13\nHEALTHCHECK CMD curl http://localhost:1/\nCMD uvicorn a:b --port 8000\n",
            },
            "unable to pass",
        ),
        (
            {
                "compose.yaml": "services:\n  a:\n    image: a\n    depends_on: [b]\n  b: {build: b}\n",
                "b/Dockerfile": "FROM a:1\nHEALTHCHECK --interval=30s --retries=1 CMD curl -f http://localhost/\n",
            },
            "gives up",
        ),
        (
            {
                "compose.yaml": "services:\n  a:\n    image: a\n    depends_on: [b]\n"
                "  b: {image: b, healthcheck: {test: [CMD, b], retries: 1}}\n",
            },
            "gives up",
        ),
    ],
)
def test_nobody_waits_for_health_that_may_never_come(files: dict[str, str], reason: str) -> None:
    assert fixed("CM111", files) == {}
    assert any(reason in each for each in reasons("CM111", files))


def test_only_what_can_be_waited_for_is() -> None:
    text = (
        f"services:\n  a:\n    image: a\n    depends_on:\n      - b\n      - init\n  b: {{{CHECKED}}}\n  init: {{{CHECKED}}}\n"
    )
    after = fixed("CM111", {"compose.yaml": text})["compose.yaml"]
    assert after is not None
    assert "      b:\n        condition: service_healthy\n      init:\n        condition: service_started\n" in after


PAIR = {
    "compose.yaml": "services:\n  a: {image: a}\nnetworks:\n  proxy: {external: true, name: p}\nvolumes:\n  v: {external: true}\n",
    "compose.app.yaml": "services:\n  b: {image: b, networks: [proxy], volumes: ['v:/v']}\n",
}


@pytest.mark.parametrize("code", ["CM305", "CM306", "CM401"])
def test_what_another_file_of_the_folder_has_is_left_alone(code: str) -> None:
    assert fixed(code, PAIR) == {}
    assert reasons(code, PAIR)


def test_what_only_this_file_has_is_still_changed() -> None:
    text = PAIR["compose.yaml"] + "x-a: 1\n"
    files = {**PAIR, "compose.yaml": text.replace("networks:\n", "networks:\n  other: {}\n")}
    assert fixed("CM306", files) == {"compose.yaml": text}
    more = {**PAIR, "compose.app.yaml": PAIR["compose.app.yaml"].replace("[proxy]", "[proxy, mine]")}
    assert fixed("CM305", more) == {"compose.app.yaml": more["compose.app.yaml"] + "networks:\n  mine: {}\n"}


@pytest.mark.parametrize(
    ("seconds", "text"), [(1036800, "1036800s"), (2, "2s"), (0.5, "500ms"), (1.5, "1500ms"), (1e-6, "1ms"), (2.0001, "2s")]
)
def test_durations_are_gos(seconds: float, text: str) -> None:
    assert written_duration(seconds) == text
    assert duration(text) is not None


def test_a_probe_of_once_a_day_gets_no_start_period() -> None:
    text = (
        "services:\n  a: {image: a, healthcheck: {test: [CMD, b], interval: 24h, retries: 12}}\n"
        "  c: {image: c, depends_on: {a: {condition: service_healthy}}}\n"
    )
    assert fixed("CM122", {"compose.yaml": text}) == {}
    assert any("hour" in reason for reason in reasons("CM122", {"compose.yaml": text}))
    after = fixed("CM122", {"compose.yaml": text.replace("24h", "5m")})["compose.yaml"]
    assert after is not None
    assert "start_period: 3600s" in after
    short = text.replace("interval: 24h", "interval: 1ms, start_period: 1m")
    assert "start_interval: 1ms" in str(fixed("CM124", {"compose.yaml": short}))


ONE = "services:\n  a: {image: a, restart: always}\n"


@pytest.mark.parametrize(
    "name", ["bootstrapper", "db-init", "certbot", "importer", "seed", "api-tests", "load-perf", "createbuckets", "cypress"]
)
def test_what_is_called_a_job_is_not_restarted(name: str) -> None:
    assert fixed("CM501", {"compose.yaml": f"{ONE}  {name}: {{image: b}}\n"}) == {}


@pytest.mark.parametrize(
    "body",
    [
        "image: b, command: npm test",
        "image: b, command: npm run build",
        "image: b, command: wp core install --url=a",
        "image: b, entrypoint: [sh, -c, 'mc mb a/b; exit 0']",
        "image: b, entrypoint: 'sh -c \"curl a; exit 0;\"'",
        "image: 'minio/mc:1'",
        "image: 'cypress/included:13.6.0'",
        "image: 'mcr.microsoft.com/playwright:v1.50.0'",
        "image: b, command: [python, manage.py, migrate]",
        "build: b",
    ],
)
def test_what_runs_a_job_is_not_restarted(body: str) -> None:
    files = {"compose.yaml": f"{ONE}  b: {{{body}}}\n", "b/Dockerfile": 'FROM node:24\nCMD ["npm", "run", "build"]\n'}
    assert fixed("CM501", files) == {}
    assert reasons("CM501", files)


@pytest.mark.parametrize(
    "others",
    [
        {"compose.prod.yaml": "services: {c: {image: c, depends_on: {b: {condition: service_completed_successfully}}}}\n"},
        {"compose.prod.yaml": "services: {c: {extends: {file: compose.yaml, service: b}, image: c, command: job}}\n"},
        {"Makefile": "ci:\n\tdocker compose up --abort-on-container-exit\n"},
        {".github/workflows/a.yml": "jobs: {a: {steps: [{run: docker compose up --exit-code-from b}]}}\n"},
        {"a.sh": STRICT + "docker compose run --rm b\n"},
    ],
)
def test_what_others_use_as_a_job_is_not_restarted(others: dict[str, str]) -> None:
    files = {"compose.yaml": f"{ONE}  b: {{image: b}}\n", **others}
    assert "compose.yaml" not in fixed("CM501", files)
    assert reasons("CM501", files)


def test_a_neighbour_that_is_never_restarted_is_no_example() -> None:
    assert not reasons("CM501", {"compose.yaml": "services: {a: {image: a, restart: 'no'}, b: {image: b}}\n"})
    text = "services:\n  a: &a\n    image: a\n  b:\n    <<: *a\n    command: npm test\n  d: {image: d, restart: always}\n"
    assert fixed("CM501", {"compose.yaml": text}) == {}


@pytest.mark.parametrize("name", ["api", "database", "latest-news", "worker", "contest"])
def test_a_service_is_restarted(name: str) -> None:
    text = f"{ONE}  {name}: {{image: b}}\n"
    assert fixed("CM501", {"compose.yaml": text}) == {
        "compose.yaml": text.replace("image: b", "image: b, restart: unless-stopped")
    }


@pytest.mark.parametrize(
    "text",
    [
        'docker build -t "$1" .\n',
        'if [ -z "$1" ]; then exit 1; fi\ndocker build .\n',
        "docker build .\nif [ $? -ne 0 ]; then exit 1; fi\n",
        'docker build .\nif [ -n "$FAIL_FAST" ]; then exit 1; fi\n',
        "if true; then A=1; fi\ndocker build -t $A .\n",
        "docker build -t $A .\nA=1\n",
        "for a in $(docker ps -q); do docker tag $a b; done\ndocker build -t $a .\n",
        "B=$((A + 1))\ndocker build .\n",
        "docker build -t ${A[0]} .\n",
        "docker build -t ${#A} .\n",
        "docker stop a\ndocker build .\n",
        "docker rm -f a\ndocker build .\n",
        "docker context create a\ndocker build .\n",
        "docker pull a 2>/dev/null\ndocker build .\n",
        "docker ps | grep a\ndocker build .\n",
        "A=$(grep a b)\ndocker build .\n",
        "f() {\n  [ -f a ] && docker build .\n}\nf\n",
        "f() {\n  docker build .\n  grep a b\n}\nf\n",
        "((x++))\ndocker build .\n",
        "source .env\ndocker build .\n",
    ],
)
def test_a_script_that_may_end_early_keeps_its_options(text: str) -> None:
    assert fixed("SC108", {"a.sh": "#!/bin/bash\n" + text}) == {}
    assert reasons("SC108", {"a.sh": "#!/bin/bash\n" + text})


@pytest.mark.parametrize(
    "text",
    [
        'A=1\ndocker build -t "$A:${B:-2}" .\n',
        "for a in b c; do docker build -t $a .; done\ndocker ps\n",
        "if docker ps | grep a; then docker compose up -d; fi\ndocker ps\n",
        "docker stop a || true\ndocker build .\n",
        "[ -f a ] && docker build .\n",
        'f() {\n  echo "$HOME $@" >&2\n}\nf\ndocker compose pull\n',
    ],
)
def test_a_plain_script_ends_at_a_failure(text: str) -> None:
    assert fixed("SC108", {"a.sh": "#!/bin/bash\n" + text}) == {"a.sh": "#!/bin/bash\n\nset -euo pipefail\n\n" + text}


@pytest.mark.parametrize(
    "text",
    [
        "using namespace System.IO\ndocker build .\n",
        "param($A)\nbegin { $x = 1 }\nprocess { docker build . }\n",
        "$ErrorActionPreference = if ($A) {\n  'Stop' } else { 'Continue' }\ndocker build .\n",
        "param(\n  [string]$A\n) ; docker build .\n",
        "param(\n  [string]$A = (\n)\ndocker build .\n",
    ],
)
def test_no_preference_where_it_may_not_stand(text: str) -> None:
    for code in ("SC108", "SC109"):
        assert fixed(code, {"a.ps1": text}) == {}
        assert reasons(code, {"a.ps1": text})


@pytest.mark.parametrize(
    "text",
    [
        "function F {\n  $ErrorActionPreference = 'Stop'\n  docker build .\n}\nF\n",
        "$s = @'\n$ErrorActionPreference = 'Stop'\n'@\ndocker build .\n",
        "$s = \"\n$ErrorActionPreference = 'Stop'\n\"\ndocker build .\n",
        "<#\n$ErrorActionPreference = 'Stop'\n#>\ndocker build .\n",
    ],
)
def test_the_second_preference_stands_behind_a_plain_first_one(text: str) -> None:
    assert fixed("SC109", {"a.ps1": text}) == {}


def test_a_script_that_asks_a_program_does_not_end_by_its_answer() -> None:
    asks = "if (command -v docker) {\n  docker compose up -d\n}\n"
    assert fixed("SC108", {"a.ps1": asks}) == {}
    assert fixed("SC109", {"a.ps1": f"$ErrorActionPreference = 'Stop'\n{asks}"}) == {}


def test_a_bracket_in_a_string_closes_no_parameters() -> None:
    head = "param(\n  [string]$A = ')', # it's )\n  [switch]$B\n)\n"
    after = f"{head}\n$ErrorActionPreference = 'Stop'\n\ndocker build .\n"
    assert fixed("SC108", {"a.ps1": f"{head}docker build .\n"}) == {"a.ps1": after}


@pytest.mark.parametrize(
    "request_",
    [
        "curl -sX POST http://localhost/a",
        "curl -XPUT http://localhost/a",
        "curl -sSfd @x http://localhost/a",
        "curl --data-binary @x http://localhost/a",
        "curl --json '{}' http://localhost/a",
        "curl -sT x http://localhost/a",
        "curl -sF a=@x http://localhost/a",
        "curl -N http://localhost/a",
        "curl -sN http://localhost/a",
        "curl http://localhost/events",
        "curl 'http://localhost/_cluster/health?wait_for_status=green&timeout=60s'",
        "curl -s http://localhost/a > a.json",
        "curl -so a.json http://localhost/a",
        "curl -sO http://localhost/a",
        "curl -s http://localhost/a | gunzip | psql",
        "curl -s http://localhost/dump",
        "curl $OPTIONS http://localhost/a",
        "wget --post-data=a http://localhost/a",
        "wget -qO a.json http://localhost/a",
    ],
)
def test_a_request_that_may_take_its_time_gets_no_limit(request_: str) -> None:
    assert fixed("SC119", {"a.sh": f"{STRICT}{request_}\n"}) == {}


@pytest.mark.parametrize(
    "request_",
    [
        "curl -fsS http://localhost:80/health",
        "curl -s -o /dev/null -w '%{http_code}' http://localhost:80/health",
        "curl -sf -H 'A: b' http://127.0.0.1/health | grep ok",
        "curl -sf http://localhost/health >/dev/null 2>&1",
        "curl -f localhost:8080/ready || exit 1",
    ],
)
def test_a_plain_question_gets_a_limit(request_: str) -> None:
    after = request_.replace("curl", "curl --max-time 10")
    assert fixed("SC119", {"a.sh": f"{STRICT}{request_}\n"}) == {"a.sh": f"{STRICT}{after}\n"}
    for wget in ("wget -q --spider http://localhost/a", "wget -qO- http://localhost/a"):
        after = wget.replace("wget", "wget --timeout=10")
        assert fixed("SC119", {"a.sh": f"{STRICT}{wget}\n"}) == {"a.sh": f"{STRICT}{after}\n"}


@pytest.mark.parametrize(
    "text",
    [
        "bin/docker-compose ps\n",
        "./docker-compose ps\n",
        "/opt/x/docker-compose ps\n",
        'docker-compose() { docker run compose "$@"; }\ndocker-compose ps\n',
        "function docker-compose { docker run compose; }\ndocker-compose ps\n",
        "alias docker-compose='docker run compose'\ndocker-compose ps\n",
        "docker-compose up -d\ndocker exec shop_web_1 ls\n",
        "docker-compose up -d\ndocker cp ${NAME}_web_1:/a b\n",
    ],
)
def test_what_may_be_another_program_is_called_as_before(text: str) -> None:
    lone = {"a.sh": f"#!/bin/bash\nset -e\n{text}"}
    assert fixed("SC104", lone) == {}
    assert reasons("SC104", lone)


def test_another_script_may_use_the_old_names() -> None:
    files = {"a.sh": "#!/bin/bash\nset -e\ndocker-compose up -d\n", "b.sh": STRICT + "docker logs shop_web_1\n"}
    assert fixed("SC104", files) == {}


def test_nothing_waits_with_a_program_or_for_a_service_that_cannot() -> None:
    script = "#!/bin/bash\nset -e\ndocker compose up -d\nsleep 30\n"
    assert fixed("SC105", {"a.sh": script.replace("docker compose", "docker-compose")}) == {}
    once = "services: {a: {image: a}, b: {image: b, depends_on: {a: {condition: service_completed_successfully}}}}\n"
    assert fixed("SC105", {"a.sh": script, "compose.yaml": once}) == {}
    assert any("meant to end" in reason for reason in reasons("SC105", {"a.sh": script, "compose.yaml": once}))
    assert fixed("SC105", {"a.sh": script, "compose.yaml": "services: {db-migrate: {image: a}}\n"}) == {}
    after = {"a.sh": script.replace("up -d", "up -d --wait")}
    assert fixed("SC105", {"a.sh": script, "compose.yaml": "services: {api: {image: a}}\n"}) == after


@pytest.mark.parametrize(
    "text",
    [
        "if $cached; then docker build .; else docker build --no-cache .; fi\n",
        'case "$1" in\n--no-cache) docker build --no-cache . ;;\nesac\n',
        'if [ "$CACHING" = OFF ]; then docker build --no-cache .; fi\n',
    ],
)
def test_a_build_without_cache_stays_where_it_is_a_choice(text: str) -> None:
    assert fixed("SC101", {"a.sh": STRICT + text}) == {}
    assert reasons("SC101", {"a.sh": STRICT + text})


@pytest.mark.parametrize("source", ["deploy.sh", "/tools/deploy.sh", "tools"])
def test_the_old_compose_stays_in_an_image(source: str) -> None:
    path = "deploy.sh" if source == "deploy.sh" else "tools/deploy.sh"
    files = {path: "#!/bin/sh\ndocker-compose up -d\n", "Dockerfile": f"FROM docker/compose:1.29.2\nCOPY {source} /\n"}
    assert fixed("SC104", files) == {}
    assert fixed("SC104", {path: files[path], "Dockerfile": "FROM a:1\nCOPY other /\n"})


def test_a_fleet_without_dockerfiles_is_still_after_one_run() -> None:
    text = "services:\n  a:\n    image: nginx\n"
    first = rewrite(discover(MemoryTree({"compose.yaml": text})), unsafe=True, proof=True)
    assert rewrite(discover(MemoryTree({"compose.yaml": first.files[0].text})), unsafe=True, proof=True).changed == ()


def test_what_only_may_start_from_an_image_is_not_said_to() -> None:
    # Nothing says what the first image is called: the other one's base may be it, or be somebody else's.
    install = "RUN apt-get update && apt-get install -y curl\n"
    files = {"a/Dockerfile": f"FROM debian:12\n{install}", "b/Dockerfile": "FROM acme/b:1\nRUN apt-get install -y jq\n"}
    reason = "`b/Dockerfile` may start from this image and install from the lists that it leaves behind"
    assert reason in reasons("DF101", files)


def test_a_request_that_measures_how_long_it_takes_gets_no_limit() -> None:
    text = "t=$(curl -s -o /dev/null -w '%{time_total}' \\\n  http://localhost:80/slow)\n"
    assert fixed("SC119", {"a.sh": STRICT + text}) == {}
    assert reasons("SC119", {"a.sh": STRICT + text}) == ["how long it may take is not known"]


@pytest.mark.parametrize("first", ["build-dep -y wine", "dist-upgrade -y", "source wine", "remove -y wine", "satisfy -y a"])
def test_lists_that_are_read_before_the_update_are_not_hidden(first: str) -> None:
    text = f"FROM ubuntu:24.04\nRUN apt-get {first} && apt-get update && apt-get install -y git\n"
    reason = "it reads package lists of an earlier instruction, or of the base, which the mount would hide"
    assert fixed("DF101", {"Dockerfile": text}) == {}
    assert reason in reasons("DF101", {"Dockerfile": text})


@pytest.mark.parametrize("first", ["clean", "autoremove -y", "--version"])
def test_what_reads_no_lists_may_stand_before_the_update(first: str) -> None:
    text = f"FROM ubuntu:24.04\nRUN apt-get {first} && apt-get update && apt-get install -y git\n"
    assert "target=/var/lib/apt/lists" in (fixed("DF101", {"Dockerfile": text})["Dockerfile"] or "")
