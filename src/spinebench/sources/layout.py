"""Find a source's root in or just below the folder that was given, or say in one line why not."""

from collections.abc import Sequence
from pathlib import Path

from spinebench.errors import UsageError

# Files and folders that downloads leave behind: never data, never an error.
CLUTTER = frozenset({".DS_Store", "index.html", "Thumbs.db", "__MACOSX", "desktop.ini"})
_LEVELS_BELOW = 2
_FOLDERS_TRIED = 200


def find_root(folder: Path, looked_for: Sequence[str], title: str) -> Path:
    """The folder itself or the only one, at most two levels below, that holds all of `looked_for`.

    Raises UsageError: no folder, not readable, nothing found, or more than one found.
    """
    check_is_folder(folder)
    roots = find_roots(folder, looked_for)
    if len(roots) == 1:
        return roots[0]
    if roots:
        names = ", ".join(str(root) for root in roots)
        raise UsageError(f"{folder} holds {title} more than once: {names}; name one of them")
    raise UsageError(
        f"{folder} is not {title}: looked for {', '.join(looked_for)}; {describe_found(folder)}"
    )


def check_is_folder(folder: Path) -> None:
    """Raise UsageError unless the path is a folder whose entries may be listed."""
    try:
        next(folder.iterdir(), None)
    except FileNotFoundError:
        raise UsageError(f"{folder}: no such folder") from None
    except NotADirectoryError:
        raise UsageError(f"{folder} is a file; a folder is needed") from None
    except PermissionError:
        raise UsageError(f"{folder}: permission denied") from None


def find_roots(folder: Path, looked_for: Sequence[str]) -> list[Path]:
    """Folders of the nearest level (0, 1 or 2 below) that hold all of `looked_for`, sorted."""
    level = [folder]
    for _ in range(_LEVELS_BELOW + 1):
        roots = [path for path in level if holds_all(path, looked_for)]
        if roots:
            return roots
        level = [child for path in level for child in list_folders(path)]
    return []


def holds_all(folder: Path, looked_for: Sequence[str]) -> bool:
    """Whether every path exists below the folder (False where it may not be entered).

    `AP|LA` is one path or the other.
    """
    try:
        return all(
            any((folder / path).exists() for path in either.split("|")) for either in looked_for
        )
    except PermissionError:
        return False


def describe_found(folder: Path, most: int = 6) -> str:
    """What the folder holds, for a message: the first entries by name."""
    names = sorted(
        path.name + ("/" if path.is_dir() else "")
        for path in folder.iterdir()
        if path.name not in CLUTTER
    )
    if not names:
        return "found an empty folder"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"found {', '.join(names[:most])}{more}"


def list_folders(folder: Path) -> list[Path]:
    """Folders directly below, by name; the first few hundred, as a root has few neighbours."""
    try:
        names = sorted(path for path in folder.iterdir() if path.name not in CLUTTER)
        return [path for path in names[:_FOLDERS_TRIED] if path.is_dir()]
    except (PermissionError, NotADirectoryError):
        return []
