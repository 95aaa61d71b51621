"""Write docs/http.md from the OpenAPI description of the service: `python docs/write_http.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from facelattice.serve import Settings, create_service

PATH = Path(__file__).with_name("http.md")
INTRODUCTION = """# HTTP

The routes of [`facelattice serve`](service.md). `GET /docs` of a running service is the same with a form to try it,
and `GET /openapi.json` is the OpenAPI description. With a token, requests carry the header
`Authorization: Bearer TOKEN`. `python docs/write_http.py` writes this page from the code, and a test compares them.

An error has a status of 400 or more, and the JSON body `{"detail": "what is wrong"}`.
"""


def main() -> None:
    """Write the page."""
    PATH.write_text(render(), encoding="utf-8")


def render() -> str:
    """Return the page as Markdown."""
    description = create_service(Settings(token="any")).openapi()
    parts = [INTRODUCTION]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parts.extend(section(f"{method.upper()} {path}", operation))
    return "".join(parts)


def section(route: str, operation: dict[str, Any]) -> Iterator[str]:
    """Yield the section of one route."""
    token = "Needs the token, if there is one." if operation.get("security") else "Needs no token."
    yield f"\n## {route}\n\n{operation['summary']}. {token}\n"
    if body := operation.get("requestBody"):
        kinds = ", ".join(f"`{kind}`" for kind in body["content"])
        yield f"\n{body['description']} Content types: {kinds}.\n"
    if parameters := operation.get("parameters"):
        yield "\n| parameter | type | default | meaning |\n|---|---|---|---|\n"
        for parameter in parameters:
            schema = parameter["schema"]
            default = json.dumps(schema["default"]).strip('"')
            shown = f"`{default}`" if default else ""
            yield f"| `{parameter['name']}` | {type_of(schema)} | {shown} | {parameter['description']} |\n"
    yield "\n| status | response |\n|---|---|\n"
    for status, response in sorted(operation["responses"].items()):
        kinds = ", ".join(f"`{kind}`" for kind in response.get("content", {}))
        text = kinds if status == "200" else response["description"]
        yield f"| {status} | {text} |\n"
    examples = operation["responses"]["200"].get("content", {})
    for kind, content in examples.items():
        if "example" in content:
            text = content["example"]
            shown = text.rstrip("\n") if isinstance(text, str) else json_lines(text)
            yield f"\n`{kind}`, shortened:\n\n```text\n{shown}\n```\n"


def json_lines(example: dict[str, Any]) -> str:
    """Return a JSON object with one line for each key."""
    return "{\n" + ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in example.items()) + "\n}"


def type_of(schema: dict[str, Any]) -> str:
    """Return the type of a parameter with its values or limits."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    limits = [f"{word} {schema[key]:g}" for word, key in (("from", "minimum"), ("to", "maximum")) if key in schema]
    return " ".join([schema["type"], *limits])


if __name__ == "__main__":
    main()
