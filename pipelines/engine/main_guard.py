"""Scripts that start workers must not do so where they are imported: every worker process imports the script."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import FrameType, TracebackType

_GUARD = 'if __name__ == "__main__":'


def require_main_guard() -> None:
    """ValueError where a script starts workers outside of its guard, with the line: each worker would start workers.

    Notebooks, consoles and `python -m package`, which workers do not import, need none.
    """
    main = sys.modules["__main__"]
    path, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    if path is None or str(getattr(spec, "name", "")).endswith("__main__"):
        return
    frame = _frame_of_script(path)
    if frame is not None and not _is_guarded(Path(path), frame.f_lineno):
        error = ValueError(
            f"line {frame.f_lineno} of {path} starts workers, which import the script and would start workers again. "
            f"Put that line, and what needs it, under `{_GUARD}` in the script, or leave out workers and gpus."
        )
        _end_with_message_of(error)
        raise error


def _end_with_message_of(error: ValueError) -> None:
    """Where nobody catches this error, the script ends with its message alone: the line is in it, and the calls that
    lead from there to here help nobody."""
    before = sys.excepthook

    def say(kind: type[BaseException], value: BaseException, traceback: TracebackType | None) -> None:
        if value is not error:
            before(kind, value, traceback)
            return
        sys.stderr.write(f"{kind.__name__}: {value}\n")

    sys.excepthook = say


def _frame_of_script(path: str) -> FrameType | None:
    """The outermost frame of the script that runs; None where something else has called."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "__main__" and frame.f_code.co_name == "<module>":
            return frame if frame.f_code.co_filename == path else None
        frame = frame.f_back
    return None


def _is_guarded(path: Path, line: int) -> bool:
    """Whether what stands in a line depends on the name of the module, there or above; also where nobody can tell."""
    try:
        statements = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return True
    return any(
        isinstance(statement, ast.If)
        and statement.lineno <= line
        and any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test))
        for statement in statements
    )
