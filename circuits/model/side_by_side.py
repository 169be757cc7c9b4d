"""Parts of a computation that do not depend on each other, run by threads which have nothing else to do.

Who owns threads lends them (`lend`), and whatever a lent thread computes may hand parts of it to the others. Every part
is computed on one thread, as without help, so that the numbers are the same to the last bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import TypeVar

from circuits.model.multiply_adds import count, counted
from circuits.model.steps import steps, unwatched

T = TypeVar("T")
_LENT: ContextVar[tuple[ThreadPoolExecutor, int] | None] = ContextVar("lent", default=None)


def lend(pool: ThreadPoolExecutor, n_threads: int) -> None:
    """Let what this thread computes from now on be helped by a pool of so many threads, of which it is one."""
    _LENT.set((pool, n_threads) if n_threads > 1 else None)


def is_helped() -> bool:
    """Whether threads were lent to this one."""
    return _LENT.get() is not None


def side_by_side(work: Callable[[T], bool], items: Iterable[T]) -> bool:
    """Call `work` with every item, some of them in lent threads that are idle, until it says False of one.

    Returns whether it said True of all. What it computes for one item must not depend on the others. Raises the first
    error, once no thread is at work any more.
    """
    todo, lent = deque(items), _LENT.get()
    if lent is None or len(todo) < 2:
        return all(map(work, steps(todo)))

    def take() -> tuple[bool, int]:
        import torch

        # OpenMP keeps the number per thread.
        torch.set_num_threads(1)
        with counted() as own, unwatched():
            try:
                while todo:
                    try:
                        item = todo.popleft()
                    except IndexError:
                        break
                    if not work(item):
                        todo.clear()
                        return False, own.multiply_adds
            except BaseException:
                todo.clear()
                raise
        return True, own.multiply_adds

    pool, n_threads = lent
    helpers = [pool.submit(copy_context().run, take) for _ in range(min(n_threads, len(todo)) - 1)]
    try:
        found = [take()]
    finally:
        # A thread that has other work has not begun, and is not waited for.
        begun = [helper for helper in helpers if not helper.cancel()]
        errors = [helper.exception() for helper in begun]
    if error := next(filter(None, errors), None):
        raise error
    found += [helper.result() for helper in begun]
    count(sum(multiply_adds for _, multiply_adds in found))
    return all(went_well for went_well, _ in found)
