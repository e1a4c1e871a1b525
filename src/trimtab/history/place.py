"""Where a fleet's history is kept."""

from pathlib import Path


def history_folder(root: Path) -> Path:
    """The `.trimtab` that belongs to a fleet; nothing is made.

    All work trees of a git repository share one history, the main work tree's: what was measured on a branch that is checked
    out beside it stays when that folder goes. A folder that only the branch has keeps its own. A linked work tree has a file
    `.git` which names its own folder inside the main one's `.git`, and that one's file `commondir` names the way back
    (gitrepository-layout(5)).
    """
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    main = _main_tree(top / ".git") if top is not None and (top / ".git").is_file() else None
    same = main / root.relative_to(top) if top is not None and main is not None else root
    return (same if same.is_dir() else root) / ".trimtab"


def _main_tree(pointer: Path) -> Path | None:
    """The main work tree of a linked one; None where there is none, as in a submodule or beside a bare repository."""
    try:
        own = (pointer.parent / pointer.read_text(encoding="utf-8").partition("gitdir:")[2].strip()).resolve()
        common = (own / (own / "commondir").read_text(encoding="utf-8").strip()).resolve()
    except (OSError, ValueError):
        return None
    return common.parent if common.name == ".git" and common.is_dir() else None
