"""The same metrics in OpenTelemetry's protocol: OTLP/HTTP with JSON, sent once.

https://opentelemetry.io/docs/specs/otlp/: `POST /v1/metrics`; names in lowerCamelCase, 64-bit integers as decimal strings,
enums as numbers. Fields are those of opentelemetry-proto's metrics/v1/metrics.proto.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

import httpx

from trimtab import __version__
from trimtab.errors import ToolError, UsageError
from trimtab.fleet.plain import mapping
from trimtab.observe.exposition import Family

_CUMULATIVE = 2
"""`AGGREGATION_TEMPORALITY_CUMULATIVE`."""
_PATH = "/v1/metrics"
_SECONDS = 30.0
_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
"""Headers for every request, `name=value,…` with values that are percent-encoded: where a backend's key is said."""
_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
"""A header's name (RFC 9110, 5.6.2). What stands around a value is no part of it there (5.5), and cannot be sent."""
_UNITS = {"seconds": "s", "bytes": "By", "ratio": "1"}
"""Units by the word that a name ends with, in UCUM's letters."""


def request(families: Iterable[Family], fleet: str, now: float) -> dict[str, object]:
    """An `ExportMetricsServiceRequest`; families without samples are left out. `now` is in seconds since 1970."""
    # A float of seconds is good for microseconds.
    stamp = str(round(now * 1e6) * 1000)
    metrics = [_metric(family, stamp) for family in families if family.values]
    resource = {"service.name": "trimtab", "service.version": __version__, "trimtab.fleet": fleet}
    scope = {"name": "trimtab", "version": __version__}
    return {
        "resourceMetrics": [
            {"resource": {"attributes": _attributes(resource)}, "scopeMetrics": [{"scope": scope, "metrics": metrics}]}
        ]
    }


def _metric(family: Family, stamp: str) -> dict[str, object]:
    points = [
        {"attributes": _attributes(labels), "timeUnixNano": stamp, "asDouble": float(value)} for labels, value in family.values
    ]
    data: dict[str, object] = {"dataPoints": points}
    if family.kind == "counter":
        data |= {"aggregationTemporality": _CUMULATIVE, "isMonotonic": True}
    name = family.name.removesuffix("_total")
    unit = _UNITS.get(name.rpartition("_")[2], "")
    return {
        "name": family.name, "description": family.help, "unit": unit, "sum" if family.kind == "counter" else "gauge": data,
    }  # fmt: skip


def _attributes(labels: Mapping[str, str]) -> list[dict[str, object]]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in labels.items()]


def endpoint(text: str) -> httpx.URL:
    """Where metrics go for an address that a user names; the path is the protocol's own where none is given.

    Raises:
        UsageError: it is no address.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise UsageError(f"`--otlp` names no address ({error}); write `http://127.0.0.1:4318`.") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise UsageError("`--otlp` names no address; write `http://127.0.0.1:4318`.")
    if url.userinfo:
        raise UsageError(f"`--otlp`: a password in an address is seen by others; put it into `{_HEADERS}`.")
    return url if url.path.endswith(_PATH) else url.copy_with(path=url.path.rstrip("/") + _PATH)


def shown(url: httpx.URL) -> httpx.URL:
    """An address as it may be told: a query may be a key."""
    return url.copy_with(query=None, fragment=None)


def send(url: httpx.URL, body: Mapping[str, object], environment: Mapping[str, str] | None = None) -> None:
    """Send the metrics, once; what is said of the receiver never holds a header's value or an address's query.

    Raises:
        UsageError: a header that the environment gives cannot be sent.
        ToolError: the receiver cannot be reached, or did not take all of it.
    """
    headers = {"Content-Type": "application/json", "User-Agent": f"trimtab/{__version__}"}
    headers |= _given((os.environ if environment is None else environment).get(_HEADERS, ""))
    try:
        answer = httpx.post(url, content=json.dumps(body), headers=headers, timeout=_SECONDS)
    except httpx.HTTPError as error:
        raise ToolError(f"`{shown(url)}` cannot be reached: {error or type(error).__name__}.") from error
    if not answer.is_success:
        raise ToolError(f"`{shown(url)}` did not take the metrics: {answer.status_code} {answer.reason_phrase}.")
    refused = mapping(mapping(_read(answer)).get("partialSuccess"))
    if str(refused.get("rejectedDataPoints") or "0") != "0":
        raise ToolError(
            f"`{shown(url)}` took only a part: {refused['rejectedDataPoints']} refused, {refused.get('errorMessage')}."
        )


def _given(text: str) -> dict[str, str]:
    """The headers that the environment gives.

    Raises:
        UsageError: one cannot be sent; the message names it, and never its value.
    """
    found: dict[str, str] = {}
    for name, _, quoted in (each.partition("=") for each in text.split(",") if "=" in each):
        value = unquote(quoted.strip())
        if not (_NAME.fullmatch(name.strip()) and value.isascii() and value.isprintable() and value == value.strip()):
            raise UsageError(f"`{_HEADERS}`: what is given for `{name.strip()}` cannot be sent in a header.")
        found[name.strip()] = value
    return found


def _read(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None
