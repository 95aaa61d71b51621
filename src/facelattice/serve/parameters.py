"""Errors of query parameters, as one line of text like all errors of the service."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from facelattice.messages import suggest_name

_MAX_SHOWN = 80  # characters of a value


def check_names(request: Request, parameters: Collection[str]) -> None:
    """Check that all query parameters of a request are known, as ignoring one would give an unexpected result.

    Raises:
        HTTPException: 422, with the nearest known name.
    """
    for name in request.query_params:
        if name not in parameters:
            hint = suggest_name(name, parameters) or f"known: {', '.join(sorted(parameters))}"
            raise HTTPException(422, f"unknown parameter {name[:_MAX_SHOWN]}; {hint}")


async def explain_invalid(request: Request, error: Exception) -> JSONResponse:
    """Return the response to parameters or bodies with wrong values.

    FastAPI's own response is a list, and repeats the body, which may contain NaN.
    """
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": "; ".join(map(_explain, _without_repeats(error.errors())))}, 422)


def _explain(problem: dict[str, Any]) -> str:
    name = ".".join(map(str, problem["loc"][1:])) or str(problem["loc"][0])
    value = problem.get("input")
    shown = f"={value[:_MAX_SHOWN]}" if isinstance(value, str) else ""
    return f"{name}{shown}: {problem['msg'].replace('Input should be', 'must be', 1)}"


def _without_repeats(problems: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    return list({str(problem["loc"]): problem for problem in problems}.values())
