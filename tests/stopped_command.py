"""`python -m tests.stopped_command <failpoint> <signal> <command …>`: the command line, which gets a signal at a failpoint.

For tests that end or freeze a real process; the signal comes once.
"""

import os
import signal
import sys

from anchoring.cli.main import main
from anchoring.failpoints import watchers
from tests.failpoints import Armed

if __name__ == "__main__":
    failpoint, name, *command = sys.argv[1:]
    watchers.append(Armed(failpoint, lambda: os.kill(os.getpid(), signal.Signals[name])))
    sys.argv = ["credanchor", *command]
    main()
