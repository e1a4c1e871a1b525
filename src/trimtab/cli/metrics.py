"""`trimtab metrics`."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trimtab.addresses import read_address
from trimtab.cli import serving
from trimtab.cli.app import CLEAN
from trimtab.cli.options import Common, write_text
from trimtab.errors import TrimtabError, UsageError
from trimtab.history import COMPARED, ScanRow, Store, history_folder, opened
from trimtab.history.scans import asked_for_vulnerabilities
from trimtab.observe.exposition import CONTENT_TYPE, render
from trimtab.observe.metrics import Known, families
from trimtab.observe.otlp import endpoint, request, send, shown
from trimtab.rewrite.write import WriteError, write_file

_ALL = 100_000


def metrics(
    path: Annotated[Path, Parameter(help="The fleet's folder.")] = Path(),
    /,
    *,
    textfile: Annotated[
        Path | None, Parameter(help="Write them into this file at once, for the node exporter's collector of text files.")
    ] = None,
    listen: Annotated[str, Parameter(help="Serve `/metrics` on this address of this machine, `127.0.0.1:9464`.")] = "",
    otlp: Annotated[str, Parameter(help="Send them once, as OTLP/HTTP with JSON: `http://127.0.0.1:4318`.")] = "",
    common: Common | None = None,
) -> int:
    """Print what the history knows as metrics for Prometheus: containers, builds, deployments, scans, scores and proofs.

    Nothing is measured by this: containers are those that `trimtab observe` sees. Served only on a loopback address, as the
    metrics name images and services and ask for no password.
    """
    common = common or Common()
    folder = path.resolve()
    # What is served may begin before what it tells of does: until then it says that there is nothing.
    if not listen or not folder.is_dir():
        _refuse_without_history(folder)
    if sum((textfile is not None, bool(listen), bool(otlp))) > 1:
        raise UsageError("`--textfile`, `--listen` and `--otlp` are ways to the same metrics: name one.")
    if otlp:
        return _send(folder, otlp, common)
    if listen:
        return _serve(folder, listen, common)
    text = exposition(folder)
    if textfile is None:
        write_text(common, text)
        return CLEAN
    if textfile.suffix != ".prom":
        raise UsageError(f"`{textfile}`: the node exporter reads only files that end in `.prom`.")
    try:
        write_file(textfile, text)
    except WriteError as error:
        raise UsageError(str(error)) from error
    return CLEAN


def _refuse_without_history(folder: Path) -> None:
    if not (history_folder(folder) / "history.db").is_file():
        raise UsageError(f"`{folder}` has no history yet. `trimtab observe`, `build`, `scan` and `deploy` make one.")


def _send(folder: Path, address: str, common: Common) -> int:
    """Send the metrics to a collector. What comes of `OTEL_EXPORTER_OTLP_HEADERS` is told to nobody else."""
    url = endpoint(address)
    now = time.time()
    found = [family for family in families(_known(folder), now) if family.values]
    send(url, request(found, folder.name, now))
    if not common.quiet:
        common.messages.print(
            f"{sum(len(each.values) for each in found)} values sent to {shown(url)}", markup=False, soft_wrap=True
        )
    return CLEAN


def exposition(folder: Path) -> str:
    """The metrics of a fleet, as text.

    Raises:
        UsageError: it has no history yet.
        StateError: the history cannot be read.
    """
    _refuse_without_history(folder)
    return render(families(_known(folder), time.time()))


def _known(folder: Path) -> Known:
    """What the history holds that metrics are made from.

    Raises:
        StateError: it cannot be read.
    """
    with opened(folder) as store:
        return known(store)


def known(store: Store) -> Known:
    """What a history holds that metrics are made from."""
    builds = [row for rows in store.ledger.recent(COMPARED, ("built",)).values() for row in rows]
    return Known(
        store.usage.places(), store.usage.callers(), store.ledger.totals(), builds, store.deployments.rows(_ALL),
        store.scans.newest(), store.scans.scores(limit=1), store.verdicts(), _answered(store),
    )  # fmt: skip


def _answered(store: Store) -> list[ScanRow]:
    """Of each target the newest scan for whose vulnerabilities a store or a program answered."""
    answered = asked_for_vulnerabilities(lambda run: store.read_result(run, "scan"))
    found = (next(filter(answered, store.scans.of(each.target)), None) for each in store.scans.newest())
    return [row for row in found if row is not None]


def _handler(text: Callable[[], str]) -> type[serving.Handler]:
    class Metrics(serving.Handler):
        """Answers `/metrics`, and nothing else."""

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self.answer(404, "There is only /metrics.\n")
                return
            try:
                self.answer(200, text(), CONTENT_TYPE)
            except TrimtabError as error:
                self.answer(503, f"{error}\n")

    return Metrics


def _serve(folder: Path, listening: str, common: Common) -> int:
    address = read_address("--listen", listening, 9464)
    if not address.is_loopback:
        raise UsageError(f"`--listen {listening}` could be read by others; only an address such as `127.0.0.1` is served.")
    server = serving.listen(address, _handler(lambda: exposition(folder)))

    def begun() -> None:
        if not common.quiet:
            shown = replace(address, port=server.server_port)
            common.messages.print(f"serving http://{shown.authority}/metrics until Ctrl-C", markup=False)

    serving.serve(server, begun)
    return CLEAN
