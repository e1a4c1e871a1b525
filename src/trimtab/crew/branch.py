"""The branch that a workflow works on, and the folder that it is checked out in."""

import shutil
from pathlib import Path

import anyio

from trimtab.docker import Runner
from trimtab.docker.command import images_named, remove_images
from trimtab.errors import ToolError
from trimtab.git import add_worktree, commit_all, export_revision, remove_worktree


class Branch:
    """A branch beside the user's own tree. The folder goes when the work is over; the branch stays."""

    def __init__(self, runner: Runner, top: Path, folder: Path, inside: str, name: str) -> None:
        """`inside` is where the fleet is in its repository, whose top is `top`; `""` for the top itself."""
        self._runner, self._top, self._folder, self._inside, self._name = runner, top, folder, inside, name
        # Called as the other: compose names a project after its folder.
        self._before = folder.parent / "before" / folder.name
        self._is_exported = False

    @property
    def fleet(self) -> Path:
        """Where the fleet is in that folder."""
        return self._folder / self._inside

    async def check_out(self) -> None:
        """Have the branch in the folder; one that is not there yet begins at HEAD.

        Raises:
            CommandFailed: git refused.
        """
        await add_worktree(self._runner, self._top, self._folder, self._name)

    async def before(self) -> Path:
        """The fleet as it was committed when the branch began, in a folder of its own.

        The user's own tree would not do to compare with: it has files that git does not, and the branch has them neither.

        Raises:
            CommandFailed: git refused.
        """
        if not self._is_exported:
            # One that is there may be half of one, of a run that was killed.
            await self._remove_before()
            self._before.parent.mkdir(parents=True)
            await export_revision(self._runner, self._top, "HEAD", self._before)
            self._is_exported = True
        return self._before / self._inside

    async def _remove_before(self) -> None:
        await anyio.to_thread.run_sync(lambda: shutil.rmtree(self._before.parent, ignore_errors=True))

    async def commit(self, message: str) -> None:
        """Put what has changed in the folder on the branch; nothing where nothing has.

        Raises:
            CommandFailed: git refused, for instance because it does not know who commits.
        """
        await commit_all(self._runner, self._folder, message)

    async def leave(self, project: str) -> None:
        """Remove the folders, and the images that were built under the project's name only to be looked at.

        Raises:
            CommandFailed: git refused.
        """
        await remove_worktree(self._runner, self._top, self._folder)
        await self._remove_before()
        try:
            found = (await self._runner.run(images_named(f"{project}-*"))).text.split()
            if found:
                await self._runner.run(remove_images(*dict.fromkeys(found)))
        except ToolError:
            # Without a docker client nothing was built.
            return
