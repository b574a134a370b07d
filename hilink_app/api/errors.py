"""Errors on HTTP: a 4xx with a clear sentence in the asker's language, and nothing in the log at error level."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError

from core.errors import InvalidInput, TooMany, UserError, fault
from core.i18n import gettext, negotiate

logger = logging.getLogger(__name__)

_WAIT = {"retry-after": "60"}


def sentence(error: UserError, request: Request) -> str:
    """The error in the language the client asks for."""
    lang = negotiate(request.headers.get("accept-language", ""))
    return gettext(error.message, lang, **error.facts)


async def user_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UserError)
    body = {"error": error.code, "message": sentence(error, request)}
    if isinstance(error, InvalidInput):
        body["field"] = error.field
    return JSONResponse(body, error.status, _WAIT if isinstance(error, TooMany) else None)


async def validation_error(request: Request, error: Exception) -> JSONResponse:
    """Says where, never what was sent."""
    assert isinstance(error, RequestValidationError)
    where = [".".join(str(part) for part in item["loc"]) for item in error.errors()]
    lang = negotiate(request.headers.get("accept-language", ""))
    message = gettext("Something in this request is missing or malformed.", lang)
    return JSONResponse({"error": "invalid_input", "message": message, "fields": where}, 422)


async def data_error(request: Request, error: Exception) -> JSONResponse:
    """A value no column can hold, as PostgreSQL says: a zero byte in a text, a number out of range."""
    logger.warning("The database refused a value", extra={"fault": fault(error)})
    lang = negotiate(request.headers.get("accept-language", ""))
    message = gettext("Something in this request is missing or malformed.", lang)
    return JSONResponse({"error": "invalid_input", "message": message}, 422)


def install(api: FastAPI) -> None:
    api.add_exception_handler(UserError, user_error)
    api.add_exception_handler(RequestValidationError, validation_error)
    api.add_exception_handler(DataError, data_error)
