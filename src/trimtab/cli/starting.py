"""Projects really started, before and after a proposal."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio
from platformdirs import user_cache_path

from trimtab.cli.options import Common, Loaded
from trimtab.docker.engine_socket import engine_runner
from trimtab.errors import CommandFailed
from trimtab.fleet import ComposeProject
from trimtab.history import new_run
from trimtab.verify import Measurement, clean_up
from trimtab.verify.starting import NotStarted, measure_start


@dataclass(frozen=True)
class Started:
    """How one project started before and after."""

    measured: Measurement | None = None
    problem: str = ""
    """Why it could not be started, or not with the proposal."""


def start_each(
    loaded: Loaded, proposals: Sequence[tuple[ComposeProject, Mapping[str, str]]], repeats: int, common: Common
) -> list[Started]:
    """Start projects as they are and with proposed texts in place of their files, in interleaved pairs.

    Raises:
        ToolError: no engine answers.
    """
    return anyio.run(_each, loaded, proposals, repeats, common)


async def _each(
    loaded: Loaded, proposals: Sequence[tuple[ComposeProject, Mapping[str, str]]], repeats: int, common: Common
) -> list[Started]:
    runner = await engine_runner()
    found: list[Started] = []
    for project, texts in proposals:
        run = new_run()
        folder = user_cache_path("trimtab") / "staging" / run
        folder.mkdir(parents=True)
        try:
            if not common.quiet:
                common.messages.print(f"starting {', '.join(project.files)} {2 * repeats} times", markup=False)
            found.append(Started(await measure_start(runner, loaded.root, folder, run, project.files, texts, repeats)))
        except (CommandFailed, NotStarted) as error:
            found.append(Started(problem=str(error)))
        finally:
            with anyio.CancelScope(shield=True):
                await clean_up(runner, run)
            shutil.rmtree(folder, ignore_errors=True)
    return found
