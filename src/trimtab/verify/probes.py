"""Asking a running container from inside, with whatever HTTP client the image has."""

import re
from collections.abc import Callable, Iterable, Sequence

from trimtab.docker import Runner
from trimtab.docker import command as argv
from trimtab.fleet import Service
from trimtab.verify.evidence import Answer

_SECONDS = 4
_URL = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(?P<port>\d+))?(?P<path>/[^\s\"'`|;)<>\\]*)?")
_PYTHON = (
    "import sys, urllib.request, urllib.error\n"
    "class Stay(urllib.request.HTTPRedirectHandler):\n    def redirect_request(self, *a): return None\n"
    "try: r = urllib.request.build_opener(Stay).open(sys.argv[1], timeout=3)\n"
    "except urllib.error.HTTPError as e: r = e\n"
    "print(r.status, r.headers.get('content-type') or '')"
)
_NODE = (
    "fetch(process.argv[1], {redirect: 'manual', signal: AbortSignal.timeout(3000)})"
    ".then(r => { console.log(r.status, r.headers.get('content-type') || ''); process.exit(0) }).catch(() => process.exit(7))"
)
_CLIENTS: Sequence[tuple[str, ...]] = (
    ("curl", "-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code} %{content_type}"),
    ("python3", "-c", _PYTHON),
    ("python", "-c", _PYTHON),
    ("node", "-e", _NODE),
    ("wget", "-q", "-S", "-T", "3", "-O", "/dev/null"),
)
_MOST_PORTS = 3


def urls_to_ask(ports: Iterable[str], service: Service | None, checks: Iterable[str]) -> list[str]:
    """The addresses that the service's health checks name, and the root of every port that it listens on."""
    numbers = [port.partition("/")[2] for port in ports]
    texts = [*checks, *(" ".join(service.healthcheck.test) if service and service.healthcheck else "",)]
    found: dict[str, None] = {}
    for match in _URL.finditer("\n".join(texts)):
        port = match["port"] or "80"
        if port in numbers:
            found[f"http://127.0.0.1:{port}{match['path'] or '/'}"] = None
    found.update(dict.fromkeys(f"http://127.0.0.1:{port}/" for port in numbers[:_MOST_PORTS]))
    return list(found)


async def ask(
    runner: Runner, container: str, urls: Sequence[str], run: str, asker: str | None = None
) -> tuple[Answer, ...] | None:
    """An answer to each address; None when no client that we know is to be had.

    A program inside the container asks; where it has none, one of the image `asker` does, from the same network.
    """
    found = await _ask(runner, urls, lambda words: argv.execute(container, *words))
    if found is None and asker is not None:
        found = await _ask(runner, urls, lambda words: argv.run_beside(container, asker, run, words[0], words[1:]))
    return found


async def _ask(
    runner: Runner, urls: Sequence[str], command: Callable[[tuple[str, ...]], argv.Command]
) -> tuple[Answer, ...] | None:
    found: list[Answer] = []
    client: tuple[str, ...] | None = None
    for url in urls:
        for words in [client] if client else _CLIENTS:
            result = await runner.run(command((*words, url)), timeout=30)
            if result.code in {125, 126, 127} or "executable file not found" in result.stderr:
                continue
            client = words
            found.append(_answer(url, words[0], result.text, result.stderr))
            break
        if client is None:
            return None
    return tuple(found)


def _answer(url: str, client: str, output: str, errors: str) -> Answer:
    text = _of_wget(errors) if client == "wget" else output.strip()
    match = re.match(r"([1-5]\d\d)\s*(.*)$", text)
    if match is None:
        return Answer(url, "none")
    return Answer(url, match[1], match[2].partition(";")[0].strip().lower())


def _of_wget(errors: str) -> str:
    status = re.findall(r"HTTP/[\d.]+ (\d{3})", errors)
    kind = re.findall(r"(?i)content-type: *(\S+)", errors)
    return f"{status[-1]} {kind[-1] if kind else ''}" if status else ""
