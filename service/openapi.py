"""Corrections to the generated OpenAPI document. `docs/openapi.json` is the result, checked in and compared by a test."""

from typing import Any

from fastapi import FastAPI

from service.problems import MEDIA_TYPE


def header(description: str) -> dict[str, Any]:
    """A header field of an answer, as OpenAPI describes it."""
    return {"description": description, "schema": {"type": "string"}}


def install(app: FastAPI) -> None:
    """FastAPI says of every body with a model that it is `application/json`; errors are problem documents."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _correct(generate())
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI offers


def _correct(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                content = response.get("content", {})
                if MEDIA_TYPE in content:
                    content[MEDIA_TYPE] = content.pop("application/json")
