"""A private copy of a build context, so that experiments edit nothing of the user's."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from trimtab.fleet import BuildContext

_NEVER = frozenset({".trimtab"})
_COMMENTS = {".py": "# ", ".sh": "# ", ".txt": "# ", ".rb": "# ", ".in": "# ", ".toml": "# ", ".yaml": "# ", ".yml": "# ",
             ".js": "// ", ".ts": "// ", ".mjs": "// ", ".tsx": "// ", ".jsx": "// ", ".go": "// ", ".rs": "// ",
             ".java": "// ", ".mod": "// ", ".php": "// "}  # fmt: skip


class Workspace:
    """One context staged below a folder of its own, with a place for Dockerfile variants beside it.

    Files are hard links where the disk allows it: editing one always replaces it, so the original is never written to.
    """

    def __init__(self, folder: Path, root: Path, context: BuildContext, texts: Mapping[str, str | None] | None = None) -> None:
        """`texts` stand in for files of the fleet, by their path; None for one that is to be absent."""
        self._texts = texts or {}
        self.folder = folder
        self._generation = 0
        self.context_path = self._path()
        self._source = root / context.root
        self._context = context
        self._root = root
        self._edits = 0
        self.blobs: dict[str, tuple[str, str]] = {}
        """Context path to mode and object of what git has put there; empty before."""

    def _path(self) -> Path:
        # BuildKit keeps what it received of a folder under the folder's base name, so that has to be unique.
        return self.folder / f"{self.folder.parent.name}-{self.folder.name}-{self._generation}"

    def make_unknown(self) -> None:
        """Give the staged context a name that the builder has not seen, so that it is sent whole."""
        self._generation += 1
        self.context_path = self.context_path.rename(self._path())

    def stage(self) -> None:
        """Copy everything that the builder could see.

        Raises:
            OSError: the disk is full, or a file cannot be read.
        """
        self.context_path.mkdir(parents=True)
        for path in self._walk(""):
            self._place(path)
        for name, text in self._texts.items():
            prefix = f"{self._context.root}/" if self._context.root else ""
            target = self.context_path / name.removeprefix(prefix)
            if name.startswith(prefix) and target.parent.is_dir():
                target.unlink(missing_ok=True)
                if text is not None:
                    target.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")

    def _walk(self, folder: str) -> Iterator[str]:
        with os.scandir(self._source / folder) as names:
            for name in names:
                path = f"{folder}/{name.name}" if folder else name.name
                if name.name in _NEVER or self._context.ignore.ignores_whole_directory(path):
                    continue
                yield path
                if name.is_dir(follow_symlinks=False):
                    yield from self._walk(path)

    def _place(self, path: str) -> None:
        source, target = self._source / path, self.context_path / path
        if source.is_symlink():
            target.symlink_to(os.readlink(source))
        elif source.is_dir():
            target.mkdir(mode=source.stat().st_mode & 0o7777)
        elif source.is_file():
            try:
                os.link(source, target)
            except OSError:
                shutil.copy2(source, target)

    def dockerfile(self, name: str, text: str) -> str:
        """Write a variant of the Dockerfile; its own ignore file comes along. The path to build from."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "Dockerfile"
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        name, target = f"{self._context.dockerfile}.dockerignore", folder / "Dockerfile.dockerignore"
        if (text_of := self._texts.get(name)) is not None:
            target.write_text(text_of, encoding="utf-8", errors="surrogateescape", newline="")
        elif name not in self._texts and (self._root / name).is_file():
            shutil.copyfile(self._root / name, target)
        return str(file)

    def edit(self, path: str) -> None:
        """Change a staged file so that its meaning stays and its content is one that no cache has seen."""
        self._edits += 1
        target = self.context_path / path
        data = target.read_bytes()
        mark = _COMMENTS.get(target.suffix)
        # A file without a comment syntax, such as JSON, gets white space at its end, a different amount each time.
        addition = (
            f"\n{mark}edit {os.urandom(8).hex()}\n" if mark else " " * (self._edits % 50) + "\n" * (1 + self._edits // 50)
        )
        mode = target.stat().st_mode & 0o7777
        fresh = target.with_name(target.name + ".trimtab-edit")
        fresh.write_bytes(data + addition.encode())
        fresh.chmod(mode)
        os.replace(fresh, target)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
