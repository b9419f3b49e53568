"""Fields of a request by name, from the list the server made of them: to make a mapping of it first takes far longer."""

from starlette.types import Scope


def field_of(scope: Scope, name: bytes) -> str:
    """The first value of a field, empty where there is none. `name`: lower-case."""
    for one, value in scope["headers"]:
        if one == name:
            return str(value.decode("latin-1"))
    return ""
