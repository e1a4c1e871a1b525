"""`trimtab mcp`."""

import os
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import Parameter
from rich.console import Console

from trimtab.addresses import read_address
from trimtab.cli.app import CLEAN
from trimtab.errors import UsageError


def mcp(
    path: Annotated[Path, Parameter(help="The folder of the fleet; clients can name nothing outside of it.")] = Path(),
    /,
    *,
    http: Annotated[str, Parameter(help="Listen here instead: `127.0.0.1:8001`; elsewhere a token is needed.")] = "",
    allow_deploy: Annotated[bool, Parameter(negative="", help="Offer the tool `deploy` as well.")] = False,
    host: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="Another name, with its port, that clients may ask for over HTTP: `build.lan:8001`."),
    ] = (),
    token_file: Annotated[
        Path | None, Parameter(help="A file with the token that clients have to show; else TRIMTAB_MCP_TOKEN holds it.")
    ] = None,
) -> int:
    """Serve coding agents: review, fix, prove, build and scan the fleet in PATH by the Model Context Protocol.

    Over standard input and output unless --http is given. Nothing outside of PATH can be named by a client, and `deploy` is
    there only with --allow-deploy. Needs the extra `mcp`.
    """
    if find_spec("mcp") is None or find_spec("uvicorn") is None:
        raise UsageError("`trimtab mcp` needs the official SDK: install `trimtab[mcp]`.")
    # Imported here: without the extra there is nothing to import, and the message above helps more than an ImportError.
    from trimtab.mcp.project import project_at
    from trimtab.mcp.serve import application, checked_token, listening, serve_http, serve_stdio
    from trimtab.mcp.server import TOKEN, make_server

    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell that starts us in the background has it ignored, and so would every command that is to be interrupted.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    server = make_server(project_at(path), allow_deploy=allow_deploy)
    if not http:
        anyio.run(serve_stdio, server)
        return CLEAN
    address = read_address("--http", http, 8001)
    token = checked_token(address, _token(token_file) or os.environ.get(TOKEN, ""))
    place, address = listening(address)
    console = Console(stderr=True, highlight=False)
    told = f"listening on http://{address.authority}/mcp"
    app = application(server, address, token, host)
    anyio.run(serve_http, app, place, lambda: console.print(told, markup=False, soft_wrap=True))
    return CLEAN


def _token(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"`{file}` cannot be read: {error}") from error
