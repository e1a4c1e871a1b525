"""The OSV API, with a cache, in batches (https://google.github.io/osv.dev/api/)."""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import anyio
import httpx
import platformdirs

from trimtab.errors import ToolError, UsageError
from trimtab.fleet.plain import items, mapping
from trimtab.scan.advisory import Advisory, fixes, read_advisory
from trimtab.scan.match import Key, above, key_of
from trimtab.scan.packages import Package
from trimtab.scan.stores import Known
from trimtab.syntax.data import read_json

ADDRESS = "https://api.osv.dev"
BATCH = 1000
"""The most queries that one `querybatch` takes."""
_AT_ONCE = 8
_SECONDS = 60
"""OSV's own service works on one batch for up to 35 seconds, and then answers with what it has and a token for the rest."""
_TRIES = 3
PAUSE = 0.5
"""Seconds before the second try; each further one waits twice as long."""
_PAGES = 1000
"""More pages than any package has (Ubuntu's kernels come fifty advisories a page, and have thousands): a server that never ends
is not followed for ever."""
_EVERYWHERE = "openssl"
"""A package that every release of every distribution has had advisories of. Of a release that it does not know, the service
says nothing, which is what it says of packages without vulnerabilities."""

_ROUNDS = 10
"""How often fixed versions are asked about that the answers before have named."""

Query = tuple[str, str, str]
"""Ecosystem, name and version; every version where that is empty."""
_Ids = dict[Query, list[tuple[str, str]]]
"""What was named for a question: ids with the times of their last change."""
_Found = dict[Key, dict[str, Advisory]]


class Api:
    """The service at an address. Documents are kept in the user's cache, by their id and the time of their last change."""

    def __init__(self, address: str = ADDRESS, *, cache: Path | None = None) -> None:
        try:
            url = httpx.URL(address.rstrip("/"))
        except httpx.InvalidURL as error:
            raise UsageError(f"`--advisories` is no address: {error}.") from error
        # What stands before an `@` is a credential, and has no place in results and messages.
        self._auth = httpx.BasicAuth(url.username, url.password) if url.userinfo else None
        self.address = str(url.copy_with(userinfo=b""))
        self._cache = cache or Path(platformdirs.user_cache_dir("trimtab")) / "osv"

    async def ask(self, packages: Collection[Package]) -> Known:
        """Every advisory that the service names for one of the packages, at its version and at those that clear it.

        Raises:
            ToolError: it does not answer, or with something else than the API's answers.
        """
        queries = list(dict.fromkeys(query for package in packages if (query := _query(package))))
        releases = {ecosystem: (ecosystem, _EVERYWHERE, "") for ecosystem, _, _ in queries if ":" in ecosystem}
        try:
            ids, found = await self._answers(packages, queries, tuple(releases.values()))
        except (httpx.HTTPError, ValueError, TypeError, RecursionError, ExceptionGroup) as error:
            cause = _first(error)
            if not isinstance(cause, httpx.HTTPError | ValueError | TypeError | RecursionError):
                raise
            detail = str(cause) or type(cause).__name__
            message = f"The advisories at {self.address} cannot be had: {detail}. Try again, or give a folder of OSV documents."
            raise ToolError(message) from error
        reason = f"{self.address} has no advisory of `{_EVERYWHERE}` for it, and so seems not to know that release"
        unknown = {ecosystem: reason for ecosystem, query in releases.items() if not ids.get(query)}
        return Known(self.address, {key: list(each.values()) for key, each in found.items()}, unknown, None)

    async def _answers(
        self, packages: Collection[Package], queries: Sequence[Query], releases: Sequence[Query]
    ) -> tuple[_Ids, _Found]:
        """What was named for each question, and the documents. What clears a version may have vulnerabilities of its own, which
        the service does not name for the version itself: it is asked of those as well.
        """
        ids: _Ids = {}
        found: _Found = {}
        async with httpx.AsyncClient(base_url=self.address, auth=self._auth, timeout=_SECONDS, follow_redirects=True) as client:
            for number in range(_ROUNDS):
                ids.update(await self._ids(client, (*queries, *releases) if number == 0 else queries))
                documents = await self._documents(client, {each for query in queries for each in ids.get(query, ())})
                for query in queries:
                    named = {name: documents[name] for name, _ in ids.get(query, ())}
                    found.setdefault(query[:2], {}).update(named)
                queries = [query for query in _fixed(packages, found) if query not in ids]
                if not queries:
                    break
        return ids, found

    async def _ids(self, client: httpx.AsyncClient, queries: Sequence[Query]) -> dict[Query, list[tuple[str, str]]]:
        found: dict[Query, list[tuple[str, str]]] = {}
        for start in range(0, len(queries), BATCH):
            pending: dict[Query, str] = dict.fromkeys(queries[start : start + BATCH], "")
            for _ in range(_PAGES):
                if not pending:
                    break
                body = {"queries": [_body(query, token) for query, token in pending.items()]}
                results = items(mapping(await _json(client, "POST", "/v1/querybatch", body)).get("results"))
                if len(results) != len(pending):
                    raise ValueError(f"{len(pending)} questions had {len(results)} answers")
                pending = _taken(found, dict(zip(pending, results, strict=True)))
            if pending:
                raise ValueError(f"the answer about `{next(iter(pending))[1]}` has more than {_PAGES} pages")
        return found

    async def _documents(self, client: httpx.AsyncClient, wanted: Iterable[tuple[str, str]]) -> dict[str, Advisory]:
        found: dict[str, Advisory] = {}
        limit = anyio.CapacityLimiter(_AT_ONCE)

        async def one(name: str, modified: str) -> None:
            async with limit:
                found[name] = read_advisory(await self._document(client, name, modified))

        async with anyio.create_task_group() as group:
            for name, modified in sorted(wanted):
                group.start_soon(one, name, modified)
        return found

    async def _document(self, client: httpx.AsyncClient, name: str, modified: str) -> object:
        key = hashlib.sha256(f"{self.address}\n{name}\n{modified}".encode()).hexdigest()[:32]
        path = self._cache / f"{key}.json"
        try:
            return read_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            data = await _json(client, "GET", f"/v1/vulns/{name}", None)
        _keep(path, data)
        return data


def _first(error: Exception) -> Exception:
    """What failed first, without the groups that work done side by side wraps it in."""
    while isinstance(error, ExceptionGroup):
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    return error


def _fixed(packages: Collection[Package], found: _Found) -> list[Query]:
    """The versions that clear something of a package, where it has something. Not of distributions: their releases have one
    fixed version after the other, and a kernel has thousands.
    """
    queries: dict[Query, None] = {}
    for package in packages:
        key = key_of(package)
        if key and ":" not in key[0]:
            parts = (part for each in found.get(key, {}).values() if not each.withdrawn for part in each.parts(*key))
            versions = (version for part in parts for version in fixes(part))
            queries.update(dict.fromkeys((*key, version) for version in above(package, versions)))
    return list(queries)


def _query(package: Package) -> Query | None:
    key = key_of(package)
    return (*key, package.advised[1]) if key else None


def _body(query: Query, token: str) -> Mapping[str, object]:
    body: dict[str, object] = {"package": {"ecosystem": query[0], "name": query[1]}}
    return body | ({"version": query[2]} if query[2] else {}) | ({"page_token": token} if token else {})


def _taken(found: dict[Query, list[tuple[str, str]]], results: Mapping[Query, object]) -> dict[Query, str]:
    """Keep what was answered; the questions that have more pages, with their tokens."""
    for query, result in results.items():
        vulnerabilities = (mapping(each) for each in items(mapping(result).get("vulns")))
        found.setdefault(query, []).extend((str(each.get("id", "")), str(each.get("modified", ""))) for each in vulnerabilities)
    tokens = {query: str(mapping(result).get("next_page_token") or "") for query, result in results.items()}
    return {query: token for query, token in tokens.items() if token}


async def _json(client: httpx.AsyncClient, method: str, path: str, body: object) -> object:
    """One answer. What a server or network may do better a second later is asked again."""
    for attempt in range(_TRIES):
        last = attempt == _TRIES - 1
        try:
            response = await client.request(method, path, json=body)
        except httpx.TransportError:
            if last:
                raise
        else:
            if last or response.status_code not in {429, 500, 502, 503, 504}:
                return cast("object", response.raise_for_status().json())
        await anyio.sleep(PAUSE * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def _keep(path: Path, data: object) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(data), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        # Without a cache every scan asks anew; nothing else changes.
        return
