"""The one place where an error becomes an HTTP answer."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from imserver import media

_RETRY_AFTER_S: Final = 5

_STATUS: Final[dict[type[media.MediaError], int]] = {
    media.TicketInvalid: 401,
    media.TicketExpired: 401,
    media.UploadForbidden: 403,
    media.UploadNotFound: 404,
    media.BlobNotFound: 404,
    media.UploadInterrupted: 408,
    media.OffsetConflict: 409,
    media.TooLarge: 413,
    media.MediaRefused: 422,
    media.UploadSuperseded: 423,
    media.QuotaExceeded: 507,
    media.MediaBusy: 503,
    media.OutOfSpace: 503,
    media.MediaBroken: 503,
}


class BadRequest(Exception):
    """The request breaks the rules of tus or HTTP; `message` says which."""

    def __init__(self, message: str, *, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


async def on_media_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer with the error's code, its message and what to do next."""
    assert isinstance(error, media.MediaError)
    status = _STATUS[type(error)]
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    if isinstance(error, media.OffsetConflict):
        headers["Upload-Offset"] = str(error.offset_bytes)
    return _answer(status, error.code, str(error), error.do, headers)


async def on_bad_request(_request: Request, error: Exception) -> JSONResponse:
    """Answer a request that broke the rules."""
    assert isinstance(error, BadRequest)
    return _answer(error.status, "bad_request", str(error), "Correct the request.", error.headers)


async def on_http_exception(_request: Request, error: Exception) -> JSONResponse:
    """Answer what the router found: no such path, no such method."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    return _answer(error.status_code, "bad_request", error.detail, "Correct the path or the method.", headers)


def _answer(status: int, code: str, message: str, do: str, headers: dict[str, str]) -> JSONResponse:
    # The code also goes into a header: an answer to HEAD has no body.
    headers = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Media-Error": code,
        **headers,
    }
    return JSONResponse({"code": code, "message": message, "do": do}, status, headers)
