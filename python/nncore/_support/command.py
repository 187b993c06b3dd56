"""The process of the command `nncore`, which a user may interrupt before the command has begun."""

from __future__ import annotations

import os
import signal
import sys


def is_command() -> bool:
    """Whether this process runs the command, be it as a script or by `python -m nncore`."""
    if sys.argv[:1] == ["-m"]:  # until Python has found the module that it is to run
        asked = sys.orig_argv
        return "-m" in asked and asked[asked.index("-m") + 1 :][:1] == ["nncore"]
    return os.path.basename(sys.argv[0] if sys.argv else "") in ("nncore", "nncore.exe")


def let_sigint_end_imports() -> None:
    """Until `raise_on_sigint`, Ctrl-C ends the command at once, without a traceback."""
    if is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_on_sigint() -> None:
    """Ctrl-C is a KeyboardInterrupt again, unless the command was started so as to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
