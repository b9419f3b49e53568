"""Corrections to the generated OpenAPI document. `docs/openapi.json` is the result, checked in and compared by a test."""

from typing import Any

from fastapi import FastAPI

from service.problems import MEDIA_TYPE


def header(description: str) -> dict[str, Any]:
    """A header field of an answer, as OpenAPI describes it."""
    return {"description": description, "schema": {"type": "string"}}


def json_body(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """A request's JSON object, as OpenAPI describes it; it has no further members."""
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


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
            if "security" in operation:  # the framework means all scopes that it lists, and routes any of theirs
                operation["security"] = [
                    {scheme: [scope]} for one in operation["security"] for scheme, scopes in one.items() for scope in scopes
                ]
            for response in operation["responses"].values():
                content = response.get("content", {})
                if MEDIA_TYPE in content:
                    content[MEDIA_TYPE] = content.pop("application/json")
