"""glibc's allocator, told to give back what a large request took: by itself it learns from one to keep as much for the next."""

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

_LARGE_BYTES: Final = 128 * 1024
_ARENAS: Final = 2
"""One for the event loop, one for its threads; of eight a core, each would keep its own."""


def give_back_freed() -> None:
    """Of this process, from now on. Other allocators are left as they are."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for option, value in ((_M_MMAP_THRESHOLD, _LARGE_BYTES), (_M_TRIM_THRESHOLD, _LARGE_BYTES), (_M_ARENA_MAX, _ARENAS)):
        mallopt(option, value)
