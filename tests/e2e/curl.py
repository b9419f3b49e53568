"""The few options of curl that the documents use, for machines without curl: it is no prerequisite of the tests."""

import argparse
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

COULD_NOT_CONNECT = 7


def main() -> int:
    parser = argparse.ArgumentParser(prog="curl")
    parser.add_argument("url")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-o", dest="output", type=Path)
    parser.add_argument("-w", dest="write_out", default="")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("--data-binary", dest="body")
    given = parser.parse_args()
    body = None if given.body is None else given.body.encode()
    if given.body is not None and given.body.startswith("@"):
        body = Path(given.body[1:]).read_bytes()
    request = Request(given.url, data=body, method=given.method)
    for header in given.headers:
        name, _, value = header.partition(":")
        request.add_header(name, value.strip())
    try:
        answer = urlopen(request, timeout=60)
    except HTTPError as refused:
        answer = refused
    except (URLError, OSError):
        return COULD_NOT_CONNECT
    content = answer.read()
    if given.output:
        given.output.write_bytes(content)
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    sys.stdout.write(given.write_out.replace("%{http_code}", str(answer.status)).replace("\\n", "\n"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
