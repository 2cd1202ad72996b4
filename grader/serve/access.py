"""Who may use the pages: one browser that knows the token of the server, and no other site.

The server listens on the loopback interface only. The first visit trades the token in the address
for a cookie that other sites cannot send. The Host and Origin of a request must be this server's.

Here: secrets, headers, letting requests through. Not here: routes and forms (`app.py`).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

_COOKIE = "grader-session"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; "
    "script-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # without a referrer, Chromium sends the origin `null`
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_Next = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Access:
    """Who may use the pages: the secrets of one server, and its address."""

    host: str
    """`127.0.0.1:8000`, as browsers send it."""
    token: str
    who: str
    """Name of the instructor, where the browser holds no other."""

    @classmethod
    def fresh(cls, host: str, who: str) -> Access:
        """Draw new secrets."""
        return cls(host, secrets.token_urlsafe(24), who)

    @property
    def session(self) -> str:
        """The value of the cookie."""
        return self._derived("session")

    @property
    def form(self) -> str:
        """The value that every form carries."""
        return self._derived("form")

    def _derived(self, purpose: str) -> str:
        return hmac.digest(self.token.encode(), purpose.encode(), "sha256").hex()


class Guard:
    """Lets through only requests of a browser that knows the token."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def __call__(self, request: Request, call_next: _Next) -> Response:
        """Answer a request, or refuse it."""
        access = self._access
        port = access.host.rpartition(":")[2]
        own = {access.host, f"localhost:{port}"}
        if request.headers.get("host") not in own:
            return PlainTextResponse("wrong host", 403)
        origin = request.headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in own:
            return PlainTextResponse("wrong origin", 403)
        given = request.query_params.get("token", "")
        if given and hmac.compare_digest(given.encode(), access.token.encode()):
            answer: Response = RedirectResponse("/", 303)
            answer.set_cookie(_COOKIE, access.session, httponly=True, samesite="strict")
            return answer
        cookie = request.cookies.get(_COOKIE, "")
        if not hmac.compare_digest(cookie.encode(), access.session.encode()):
            return PlainTextResponse(
                "Open the address that `grader serve` printed; it holds the token.", 403
            )
        answer = await call_next(request)
        answer.headers.update(_HEADERS)
        return answer
