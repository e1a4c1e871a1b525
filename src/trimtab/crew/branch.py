"""The branch that a workflow works on, and the folder that it is checked out in."""

from pathlib import Path

from trimtab.docker import Runner
from trimtab.docker.command import images_named, remove_images
from trimtab.errors import ToolError
from trimtab.git import add_worktree, commit_all, remove_worktree


class Branch:
    """A branch beside the user's own tree. The folder goes when the work is over; the branch stays."""

    def __init__(self, runner: Runner, root: Path, folder: Path, inside: str, name: str) -> None:
        """`inside` is where the fleet is in its repository, `""` for the top."""
        self._runner, self._root, self._folder, self._inside, self._name = runner, root, folder, inside, name

    @property
    def fleet(self) -> Path:
        """Where the fleet is in that folder."""
        return self._folder / self._inside

    async def check_out(self) -> None:
        """Have the branch in the folder; one that is not there yet begins at HEAD.

        Raises:
            CommandFailed: git refused.
        """
        await add_worktree(self._runner, self._root, self._folder, self._name)

    async def commit(self, message: str) -> None:
        """Put what has changed in the folder on the branch; nothing where nothing has.

        Raises:
            CommandFailed: git refused, for instance because it does not know who commits.
        """
        await commit_all(self._runner, self._folder, message)

    async def leave(self, project: str) -> None:
        """Remove the folder, and the images that were built under the project's name only to be looked at.

        Raises:
            CommandFailed: git refused.
        """
        await remove_worktree(self._runner, self._root, self._folder)
        try:
            found = (await self._runner.run(images_named(f"{project}-*"))).text.split()
            if found:
                await self._runner.run(remove_images(*dict.fromkeys(found)))
        except ToolError:
            # Without a docker client nothing was built.
            return
