"""The console script: the command line, or which extra brings it."""

import sys


def main() -> None:
    """Without `credanchor[service]` there are no libraries to read options with, and none to speak to a database or sign."""
    try:
        from anchoring.cli.main import main as run
    except ModuleNotFoundError as absent:
        if str(absent.name).partition(".")[0] in {"anchoring", "service"}:
            raise
        sys.exit("error: the command line takes libraries that are not here: pip install 'credanchor[service]'")
    run()
