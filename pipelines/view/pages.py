"""Pages that take seconds to make: one at a time, in a thread beside the answering, and kept by their content."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

_MOST_BYTES = 256 * 2**20
T = TypeVar("T")


async def in_thread(function: Callable[[], T]) -> T:
    """What a function returns, computed in a thread that ends with the process: nothing waits for it on Ctrl-C."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(settled: Callable[[], None]) -> None:
        if not answer.done():
            settled()

    def work() -> None:
        try:
            made = function()
        except Exception as error:
            _tell(loop, settle, lambda error=error: answer.set_exception(error))
        else:
            _tell(loop, settle, lambda: answer.set_result(made))

    threading.Thread(target=work, daemon=True).start()
    return await answer


def _tell(loop: asyncio.AbstractEventLoop, settle: Callable[[Callable[[], None]], None], settled: Callable) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle, settled)


class Pages:
    """Made pages, by what they show; those used last are kept.

    Figures are drawn by a library that is not made for several threads, so that one page is made at a time. Whoever
    asks for a page that is being made waits for that one.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._made: dict[str, asyncio.Task[bytes]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def get(self, content: str, make: Callable[[], bytes]) -> bytes:
        """The page of some content. What `make` raises is raised to all who wait, and not kept."""
        if content in self._kept:
            self._kept.move_to_end(content)
            return self._kept[content]
        if content not in self._made:
            self._made[content] = asyncio.create_task(self._make(content, make))
        # Whoever asked may go away; the page is made all the same.
        return await asyncio.shield(self._made[content])

    async def _make(self, content: str, make: Callable[[], bytes]) -> bytes:
        try:
            async with self._one_at_a_time:
                page = await in_thread(make)
        finally:
            del self._made[content]
        self._kept[content] = page
        while sum(map(len, self._kept.values())) > self._most_bytes and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return page
