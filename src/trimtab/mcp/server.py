"""The server itself: a call is checked, becomes a command line, runs as a process, and its result goes back."""

import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from trimtab import __version__
from trimtab.errors import TrimtabError, UsageError
from trimtab.mcp import reports
from trimtab.mcp.child import run_child, until_we_end
from trimtab.mcp.concealing import Concealer
from trimtab.mcp.project import Project
from trimtab.mcp.results import refusal, result_of
from trimtab.mcp.tools import Tool, offered

TOKEN = "TRIMTAB_MCP_TOKEN"  # noqa: S105  the variable's name
_AT_ONCE = 4
"""Commands. Each of them uses all cores where it has work for them."""
_ABOUT = (
    "trimtab reviews, fixes, proves, builds, scans and deploys the containers of this repository. Begin with `review` or"
    " `plan`; `explain` says what a rule is about. `fix`, `optimize` and `deploy` write nothing without `apply`: look at what"
    " they would do first. Findings are results; an error says that a command could not run, and why."
)

Context = ServerRequestContext[Any, Any]


@dataclass(frozen=True)
class Desk:
    """Answers a client's requests about one project."""

    project: Project
    tools: Mapping[str, Tool]
    environment: Mapping[str, str]
    conceal: Concealer
    before: tuple[str, ...]
    turns: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_AT_ONCE))

    async def list_tools(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.listed() for tool in self.tools.values()])

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = self.tools.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, _unknown(params.name, self.tools))
        try:
            arguments = tool.arguments.model_validate(params.arguments or {})
            words = arguments.words(self.project)
        except ValidationError as error:
            return refusal(_explained(error))
        except UsageError as error:
            return refusal(str(error))
        # -P keeps the project's own modules from being imported instead of ours.
        argv = [*self.before, sys.executable, "-P", "-m", "trimtab", words[0], "--format=json", "--no-color", *words[1:]]
        async with self.turns, _told(context, self.conceal.lines()) as take:
            try:
                ended = await run_child(argv, self.project.root, self.environment, take, tool.grace)
            except (TrimtabError, OSError) as error:
                return refusal(self.conceal.text(str(error)))
        return result_of(tool, ended, arguments.most, self.conceal)

    async def list_resources(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=reports.listed(self.project))

    async def list_templates(
        self, _: Context, __: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:  # fmt: skip
        return types.ListResourceTemplatesResult(resource_templates=reports.templates())

    async def read_resource(self, _: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        try:
            text, kind = reports.read(self.project, params.uri)
        except UsageError as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from error
        shown = self.conceal.document(text) if kind == "application/json" else self.conceal.text(text)
        contents = types.TextResourceContents(uri=params.uri, mime_type=kind, text=shown)
        return types.ReadResourceResult(contents=[contents])


def make_server(project: Project, *, allow_deploy: bool) -> Server[Any]:
    """A server for one project. The commands get this process's environment, without the server's own token."""
    own = os.environ.get(TOKEN)
    environment = {name: value for name, value in os.environ.items() if name != TOKEN}
    # People's lines are wrapped at the width of their terminal; a client wants them whole.
    environment |= {"NO_COLOR": "1", "COLUMNS": "400", "TERM": "dumb"}
    conceal = Concealer(os.environ, [own] if own else [])
    desk = Desk(project, offered(allow_deploy=allow_deploy), environment, conceal, until_we_end())
    return Server(
        "trimtab", version=__version__, title="trimtab", instructions=_ABOUT, on_list_tools=desk.list_tools,
        on_call_tool=desk.call_tool, on_list_resources=desk.list_resources, on_read_resource=desk.read_resource,
        on_list_resource_templates=desk.list_templates,
    )  # fmt: skip


@asynccontextmanager
async def _told(context: Context, conceal: Callable[[str], str]) -> AsyncGenerator[Callable[[str], str]]:
    """Takes a command's lines, says what may be seen of each, and passes that on as progress while it runs."""
    send, receive = anyio.create_memory_object_stream[str](1000)

    def take(line: str) -> str:
        shown = conceal(line).rstrip()
        # The client may read more slowly than we write; a line of progress less is no loss, and the result is whole.
        with suppress(anyio.WouldBlock):
            send.send_nowait(shown)
        return shown

    async def report() -> None:
        number = 0
        async for line in receive:
            number += 1
            await context.session.report_progress(number, None, line)

    async with receive, anyio.create_task_group() as group:
        group.start_soon(report)
        with send:
            yield take


def _unknown(name: str, tools: Mapping[str, Tool]) -> str:
    if name == "deploy":
        return "`deploy` is off: this server was started without --allow-deploy."
    return f"There is no tool `{name}`; there are {', '.join(tools)}."


def _explained(error: ValidationError) -> str:
    return "; ".join(f"`{'.'.join(str(part) for part in each['loc'])}`: {each['msg']}" for each in error.errors())
