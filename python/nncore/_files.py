"""Files that are written whole or not at all; model files are the core's own business."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from nncore._checks import file_path


def replace_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Makes `content` the file at `path`, which is as it was if that fails.

    A new file has the usual permissions, a replaced one keeps its own; a symbolic link stays one
    and its target is written.

    Raises:
        OSError: the file cannot be written.
    """
    target = Path(os.path.realpath(file_path(path)))
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is not None:
            error.filename, error.filename2 = os.fspath(path), None  # not the temporary's name
        raise
