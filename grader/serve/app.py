"""The web application: routes, pages and forms.

Every form carries a secret, so that a page of another site can send no form. The only script is a
file of this package; Jinja escapes students' text.

Here: HTTP. Not here: who may use the pages (`access.py`), what is decided and stored (`desk.py`),
starting the server (`server.py`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from grader.decisions import Kind
from grader.errors import GraderError, UsageError
from grader.report.matrices import lay_out
from grader.report.pages import FILTERS, finalize, says_more
from grader.report.rounding import total_of
from grader.report.student_markdown import rendered
from grader.runs.decided import Overtaken
from grader.serve import views
from grader.serve.access import Access, Guard
from grader.serve.answer_table import answer_table
from grader.serve.desk import Desk
from grader.serve.summary import summary_of

_HERE = Path(__file__).parent
_WHO = "grader-who"
_NAMES = "grader-names"
"""Cookie of a browser in which answers are read without the names of their writers."""
_LONGEST_FORM = 200_000
_LONGEST_NAME = 80
_KINDS: tuple[Kind, ...] = ("override", "excuse", "comment", "extension", "reopen")
_TEMPLATES = Environment(
    loader=FileSystemLoader([_HERE / "templates", _HERE.parent / "report" / "templates"]),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=finalize,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= FILTERS | {"markdown": rendered}
_TEMPLATES.globals |= {
    "url": lambda path, **query: f"{path}?{urlencode(query)}" if query else path,
    "lay_out": lay_out,
    "says_more": says_more,
}


def make_app(desk: Desk, access: Access, changed: Callable[[], None]) -> Starlette:
    """Build the application.

    Args:
        desk: the gradebook; it is used in the thread of the event loop alone.
        access: who may use it.
        changed: called after each decision.
    """
    pages = _Pages(desk, access, changed)
    routes = [
        Route("/", pages.overview),
        Route("/student", pages.student),
        Route("/feedback", pages.feedback),
        Route("/question", pages.question),
        Route("/answer", pages.answer),
        Route("/clusters", pages.clusters),
        Route("/history", pages.history),
        Route("/answers.csv", pages.table),
        Route("/grade", pages.grade, methods=["POST"]),
        Route("/worth", pages.worth, methods=["POST"]),
        Route("/item", pages.item, methods=["POST"]),
        Route("/decide", pages.decide, methods=["POST"]),
        Route("/comment", pages.comment, methods=["POST"]),
        Route("/who", pages.who, methods=["POST"]),
        Route("/names", pages.names, methods=["POST"]),
        Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=Guard(access))],
        exception_handlers={GraderError: pages.refused},
    )


class _Pages:
    """The pages and forms of one desk."""

    def __init__(self, desk: Desk, access: Access, changed: Callable[[], None]) -> None:
        self._desk = desk
        self._access = access
        self._changed = changed

    # ---- pages

    async def overview(self, request: Request) -> Response:
        """Show what there is to do, and every student."""
        work = self._desk.work
        order = request.query_params.get("order", "")
        order = order if order in views.ORDERS else views.ORDERS[0]
        wanted = request.query_params.get("name", "").strip()[:_LONGEST_NAME]
        rows = self._desk.students()
        return self._page(
            request, "overview.html",
            progress=self._desk.progress(), outdated=self._desk.outdated(),
            students=views.arranged(rows, order, wanted), count=len(rows),
            order=order, orders=views.ORDERS, wanted=wanted, groups=work.groups,
            title=work.run.title, started_at=work.run.started_at,
        )  # fmt: skip

    async def student(self, request: Request) -> Response:
        """Show one student's exercises, and forms to decide about them."""
        name = request.query_params.get("name", "")
        settled = self._desk.settled(name)
        work = self._desk.work
        before, after = views.neighbours(work.results, name)
        return self._page(
            request, "student.html",
            result=settled.result, settled=settled, before=before, after=after,
            total=total_of(settled.result, work.run.max_points),
            latest=self._desk.latest_about(name),
            decisions=[one for one in reversed(self._desk.decisions()) if one.student == name],
        )  # fmt: skip

    async def feedback(self, request: Request) -> Response:
        """Show the feedback page of one student, with everything that was decided so far."""
        return HTMLResponse(self._desk.feedback(request.query_params.get("name", "")))

    async def question(self, request: Request) -> Response:
        """Show all answers to a question in a row, its worth, its rubric and its numbers."""
        key = request.query_params.get("key", "")
        rows = self._desk.graded(key)
        return self._page(
            request, "question.html",
            question=self._desk.question(key), rows=rows,
            worth=self._desk.worth(key), rubric=self._desk.rubric(key),
            summary=summary_of([row.points for row in rows]),
        )  # fmt: skip

    async def answer(self, request: Request) -> Response:
        """Show one answer with the form that grades it."""
        key = request.query_params.get("key", "")
        rows = self._desk.graded(key)
        place = _whole(request.query_params.get("place", "0"))
        if not 0 <= place < len(rows):
            raise UsageError("there is no such answer in this run.")
        group = rows[place].answer.group
        return self._page(
            request, "answer.html",
            question=self._desk.question(key), row=rows[place], rows=rows, place=place,
            alike=[row for row in rows if row.answer.group == group and row.place != place],
            comments=views.earlier_comments(rows),
            worth=self._desk.worth(key), rubric=self._desk.rubric(key),
        )  # fmt: skip

    async def clusters(self, request: Request) -> Response:
        """Show the common mistakes, and a form to comment on each for all who made it."""
        return self._page(request, "clusters.html", groups=self._desk.work.groups)

    async def history(self, request: Request) -> Response:
        """Show everything that was decided, the latest first."""
        decisions = self._desk.decisions()
        latest = {one.subject: one.id for one in decisions}
        return self._page(
            request, "history.html", decisions=decisions[::-1][:2_000], latest=latest
        )  # fmt: skip

    async def table(self, request: Request) -> Response:
        """Return all written answers as CSV, with their points so far."""
        text = answer_table(self._desk)
        disposition = {"Content-Disposition": 'attachment; filename="answers.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=disposition)

    # ---- forms

    async def grade(self, request: Request) -> Response:
        """Store the points and the comment of an answer, and go on to the next."""
        form = await self._form(request)
        key, place = _text(form, "key"), _whole(_text(form, "place"))
        items = [_whole(str(one)) for one in form.getlist("items")]
        points = _points(form, "points")
        if not items and points is None:
            raise UsageError("choose an item of the rubric, or write the points: 0 too.")
        self._desk.grade(
            key, place, items=items, points=points, comment=_text(form, "comment"),
            after=_whole(_text(form, "after")), who=self._name(request),
            alike=_text(form, "alike") == "yes",
        )  # fmt: skip
        self._changed()
        rows = self._desk.graded(key)
        waiting = [row.place for row in rows if row.points is None]
        later = [one for one in waiting if one > place] or waiting
        return _to(
            f"/answer?key={quote(key)}&place={later[0]}" if later else f"/question?{_query(key)}"
        )

    async def worth(self, request: Request) -> Response:
        """Store what a question is worth."""
        form = await self._form(request)
        key = _text(form, "key")
        self._desk.set_worth(key, _points(form, "points") or Fraction(0))
        return _to(f"/question?{_query(key)}")

    async def item(self, request: Request) -> Response:
        """Add, change or retire a rubric item."""
        form = await self._form(request)
        key, number = _text(form, "key"), _text(form, "id")
        points = _points(form, "points") or Fraction(0)
        if not number:
            self._desk.add_item(key, _text(form, "text"), points)
        else:
            offered = self._desk.rubric(key)
            held = next((one for one in offered if one.id == _whole(number)), None)
            if held is None:
                raise UsageError("there is no such rubric item.")
            if _text(form, "action") == "retire":
                changed = replace(held, retired=True)
            else:
                changed = replace(held, text=_text(form, "text"), points=points)
            self._desk.change_item(changed, self._name(request))
            self._changed()
        return _to(_text(form, "back") or f"/question?{_query(key)}")

    async def decide(self, request: Request) -> Response:
        """Store a decision about a student's exercise, check or submission."""
        form = await self._form(request)
        kind = next((one for one in _KINDS if one == _text(form, "kind")), None)
        if kind is None:
            raise UsageError("there is no such decision.")
        student = _text(form, "student")
        text = _text(form, "text")
        if kind == "extension":
            due = self._desk.work.run.policy.due
            text = views.extension_text(_text(form, "until"), text, due.tzinfo if due else None)
        self._desk.decide(
            student, kind,
            exercise=_text(form, "exercise"), item=_text(form, "item"),
            points=_points(form, "points"), text=text,
            after=_whole(_text(form, "after")), who=self._name(request),
        )  # fmt: skip
        self._changed()
        return _to(_text(form, "back") or f"/student?{urlencode({'name': student})}")

    async def comment(self, request: Request) -> Response:
        """Give one comment to all students of a cluster."""
        form = await self._form(request)
        identity = _text(form, "cluster")
        found = next((one for one in self._desk.work.groups if one.id == identity), None)
        if found is None:
            raise UsageError("there is no such group of mistakes in this run any more.")
        self._desk.comment_on(
            found.cluster.students, found.cluster.exercise, _text(form, "text"), self._name(request)
        )
        self._changed()
        return _to(f"/clusters#{identity}")

    async def who(self, request: Request) -> Response:
        """Store the name of the instructor in a cookie of this browser."""
        form = await self._form(request)
        answer = _to("/")
        name = quote(_text(form, "who")[:_LONGEST_NAME])
        answer.set_cookie(_WHO, name, httponly=True, samesite="strict")
        return answer

    async def names(self, request: Request) -> Response:
        """Hide or show the names of those whose answers are graded, in this browser."""
        form = await self._form(request)
        answer = _to(_text(form, "back"))
        hidden = "yes" if _text(form, "hidden") == "yes" else ""
        answer.set_cookie(_NAMES, hidden, httponly=True, samesite="strict")
        return answer

    async def refused(self, request: Request, error: Exception) -> Response:
        """Show why something was not stored, or is not there."""
        status = 409 if isinstance(error, Overtaken) else 400
        answer = self._page(request, "refused.html", sentence=str(error), overtaken=status == 409)
        answer.status_code = status
        return answer

    # ---- common parts

    def _page(self, request: Request, template: str, **values: Any) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        text = _TEMPLATES.get_template(template).render(
            **values, csrf=self._access.form, who=self._name(request),
            here=f"{request.url.path}{query}", unnamed=request.cookies.get(_NAMES, "") == "yes",
        )  # fmt: skip
        return HTMLResponse(text)

    def _name(self, request: Request) -> str:
        return unquote(request.cookies.get(_WHO, ""))[:_LONGEST_NAME] or self._access.who

    async def _form(self, request: Request) -> FormData:
        """Return the fields of a form.

        Raises:
            UsageError: it does not come from a page of this server, or is too large.
        """
        if int(request.headers.get("content-length") or _LONGEST_FORM + 1) > _LONGEST_FORM:
            raise UsageError("the form is too large.")
        form = await request.form(max_files=0, max_fields=500)
        given = str(form.get("csrf", ""))
        if not hmac.compare_digest(given.encode(), self._access.form.encode()):
            raise UsageError("the form is not of this server; load the page again.")
        return form


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, "")).replace("\r\n", "\n").strip()


def _points(form: FormData, name: str) -> Fraction | None:
    text = _text(form, name).replace(",", ".")
    return views.points_from(text) if text else None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError("a number of the form is missing; load the page again.")
    return int(text)


def _query(key: str) -> str:
    return urlencode({"key": key})


def _to(path: str) -> Response:
    here = path.startswith("/") and path[1:2] not in ("/", "\\")  # never to another server
    return RedirectResponse(path if here else "/", 303)
