"""Python's recursion limit, put back.

What `eth_account` imports raises it to 100,000, for the whole process. Python's stack is not that deep: a few kilobytes of nested
JSON, from a node or from whoever posts to the service, would then end the process instead of raising RecursionError.
"""

import sys
from contextlib import suppress

with suppress(ImportError):  # who only reads has none, and needs none
    import eth_account  # noqa: F401 - first, so that the limit stays put back

LIMIT = 1000
"""Python's default."""

sys.setrecursionlimit(min(LIMIT, sys.getrecursionlimit()))
