"""Only a browser that knows the token is let in, and forms of other pages decide nothing."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta, timezone
from fractions import Fraction

import httpx
import pytest

from grader.serve.app import Access, make_app
from grader.serve.views import extension_text
from tests.serve.conftest import HOSTILE

HOST = "127.0.0.1:8123"


class Site:
    """The application without a network, in this thread, which has opened the gradebook."""

    def __init__(self, app, access):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}")
        self.access = access

    def get(self, path, **about):
        return asyncio.run(self.client.get(path, **about))

    def post(self, path, **about):
        return asyncio.run(self.client.post(path, **about))


@pytest.fixture
def changes():
    return []


@pytest.fixture
def site(desk, changes):
    access = Access.fresh(HOST, "ta")
    return Site(make_app(desk, access, lambda: changes.append(1)), access)


@pytest.fixture
def inside(site):
    assert site.get("/", params={"token": site.access.token}).status_code == 303
    return site


def post(site, path, **fields):
    return site.post(path, data={"csrf": site.access.form, **fields})


def test_without_the_token_every_page_is_refused(site):
    for path in ("/", "/history", "/student?name=ada", "/answers.csv", "/static/desk.js"):
        assert site.get(path).status_code == 403
    assert site.get("/", params={"token": "x"}).status_code == 403
    assert site.post("/grade").status_code == 403


def test_the_token_is_traded_for_a_cookie_that_scripts_and_other_sites_cannot_use(site):
    answer = site.get("/", params={"token": site.access.token})
    assert answer.headers["location"] == "/"
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=strict" in answer.headers["set-cookie"].lower()
    assert site.access.token not in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "headers",
    [{"host": "evil.example:8123"}, {"host": "127.0.0.1"}, {"origin": "http://evil.example"},
     {"origin": "null"}],
)  # fmt: skip
def test_requests_of_other_sites_are_refused(inside, headers):
    assert inside.get("/", headers=headers).status_code == 403


def test_a_form_without_its_secret_decides_nothing(inside, desk):
    for secret in ({}, {"csrf": "x"}):
        answer = inside.post(
            "/decide", data={**secret, "kind": "comment", "student": "ada", "text": "x", "after": 0}
        )
        assert answer.status_code == 400
    assert desk.decisions() == []


def test_pages_forbid_everything_but_their_own_script(inside):
    policy = inside.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


def test_strange_names_and_answers_do_nothing_on_any_page(inside, desk):
    place = next(row.place for row in desk.graded("7.2") if row.answer.student == HOSTILE)
    for path, query in (
        ("/", {}), ("/student", {"name": HOSTILE}), ("/question", {"key": "7.2"}),
        ("/answer", {"key": "7.2", "place": place}), ("/clusters", {}), ("/history", {}),
        ("/feedback", {"name": HOSTILE}), ("/", {"name": HOSTILE, "order": HOSTILE}),
    ):  # fmt: skip
        page = inside.get(path, params=query).text
        assert "<script>document" not in page
        assert not re.search(r"<img\b", page)


def test_an_answer_is_graded_and_the_next_one_without_points_follows(inside, desk, changes):
    assert post(inside, "/worth", key="7.2", points="4").status_code == 303
    post(inside, "/item", key="7.2", points="+3", text="names the reason")
    answer = post(inside, "/grade", key="7.2", place="0", items="1", after="0", comment="Well.")
    assert answer.headers["location"] == "/answer?key=7.2&place=1"
    row = desk.graded("7.2")[0]
    assert (row.points.points, row.comment.text, row.points.who) == (3, "Well.", "ta")
    assert len(changes) == 1


def test_similar_answers_are_graded_by_one_form(inside, desk):
    post(inside, "/worth", key="7.2", points="4")
    assert "Save for this and 1 similar" in inside.get("/answer?key=7.2&place=0").text
    post(inside, "/grade", key="7.2", place="0", after="0", points="3", alike="yes")
    assert [row.points and row.points.points for row in desk.graded("7.2")] == [3, 3, None, None]
    assert "Save for this and" not in inside.get("/answer?key=7.2&place=0").text


def test_a_form_without_items_and_points_grades_nothing(inside, desk):
    post(inside, "/worth", key="7.2", points="4")
    answer = post(inside, "/grade", key="7.2", place="0", after="0", comment="Well.")
    assert answer.status_code == 400
    assert "choose an item" in answer.text
    assert desk.decisions() == []
    assert post(inside, "/grade", key="7.2", place="0", after="0", points="0").status_code == 303


def test_answers_can_be_read_without_the_names_of_their_writers(inside):
    post(inside, "/worth", key="7.2", points="4")
    pages = ("/question?key=7.2", "/answer?key=7.2&place=0", "/answer?key=7.2&place=2")
    assert "ada" in inside.get(pages[0]).text
    answer = post(inside, "/names", hidden="yes", back="/question?key=7.2")
    assert answer.headers["location"] == "/question?key=7.2"
    for page in pages:
        text = inside.get(page).text
        assert "Answer 1" in text or "Answer 3" in text
        assert not re.search(r"\b(ada|bora)\b|=1\+2", text)
    post(inside, "/names", hidden="")
    assert "ada" in inside.get(pages[0]).text


def test_a_comment_that_was_given_before_is_offered_again(inside):
    post(inside, "/worth", key="7.2", points="4")
    post(inside, "/grade", key="7.2", place="0", after="0", points="4", comment='Say "why".')
    assert 'data-text="Say &#34;why&#34;."' in inside.get("/answer?key=7.2&place=1").text


def test_students_are_found_by_name_and_ordered_by_points(inside):
    names = re.compile(r'<th scope="row"><a href="/student[^>]*><bdi>([^<]*)<')
    assert names.findall(inside.get("/", params={"name": "OR"}).text) == ["bora"]
    assert "No name holds" in inside.get("/", params={"name": "nobody"}).text
    fewest = names.findall(inside.get("/", params={"order": "fewest points"}).text)
    most = names.findall(inside.get("/", params={"order": "most points"}).text)
    assert fewest[0].startswith("&lt;script")
    assert most[-1] == fewest[0]
    assert len(names.findall(inside.get("/", params={"order": "strange"}).text)) == 4


def test_a_students_page_leads_to_the_students_beside_it_and_to_what_the_student_is_shown(inside):
    page = inside.get("/student", params={"name": "ada"}).text
    assert 'href="/student?name=bora" rel="next"' in page
    assert 'href="/feedback?name=ada"' in page
    shown = inside.get("/feedback", params={"name": "ada"})
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "Cross-correlation" in shown.text
    assert inside.get("/feedback", params={"name": "x"}).status_code == 400


def test_points_are_written_with_a_comma_or_as_a_fraction_too(inside, desk):
    post(inside, "/worth", key="7.2", points="4,5")
    assert desk.worth("7.2") == Fraction(9, 2)
    post(inside, "/worth", key="7.2", points="7/2")
    assert desk.worth("7.2") == Fraction(7, 2)
    assert post(inside, "/worth", key="7.2", points="1e9").status_code == 400


def test_who_was_overtaken_is_told_and_nothing_is_stored(inside, desk):
    post(inside, "/worth", key="7.2", points="4")
    post(inside, "/grade", key="7.2", place="0", after="0", points="4")
    answer = post(inside, "/grade", key="7.2", place="0", after="0", points="1")
    assert answer.status_code == 409
    assert "meanwhile" in answer.text
    assert desk.graded("7.2")[0].points.points == 4


def test_a_decision_about_an_exercise_is_stored_with_its_reason_and_taken_back(inside, desk):
    about = {"student": "ada", "exercise": "corr2d", "item": ""}
    post(inside, "/decide", kind="override", points="1", text="not own", after="0", **about)
    assert desk.settled("ada").result.exercises[0].points == 1
    post(inside, "/decide", kind="reopen", after="1", back="/history", **about)
    assert desk.settled("ada").result.exercises[0].points == 4
    assert "not own" in inside.get("/history").text


def test_an_extension_needs_a_date_and_a_reason(inside, desk):
    about = {"kind": "extension", "student": "ada", "after": "0"}
    assert post(inside, "/decide", until="soon", text="ill", **about).status_code == 400
    assert post(inside, "/decide", until="2026-03-20T12:00", text="", **about).status_code == 400
    assert post(inside, "/decide", until="2026-03-20T12:00", text="ill", **about).status_code == 303
    assert desk.decisions()[0].text.endswith(" ill")


def test_a_comment_goes_to_a_whole_group(inside, desk):
    (cluster,) = re.findall(r'name="cluster" value="(\w+)"', inside.get("/clusters").text)
    assert post(inside, "/comment", cluster=cluster, text="Look at 7.2.").status_code == 303
    assert [one.student for one in desk.decisions()] == [HOSTILE]
    assert post(inside, "/comment", cluster="gone", text="x").status_code == 400


def test_a_form_never_leads_to_another_server(inside):
    post(inside, "/worth", key="7.2", points="4")
    for back in ("//evil.example", "http://evil.example", "/\\evil.example"):
        answer = post(inside, "/item", key="7.2", points="1", text="x", back=back)
        assert answer.headers["location"] == "/"


def test_the_name_of_the_person_is_kept_in_the_browser(inside, desk):
    post(inside, "/who", who="홍길동; x=<b>")
    post(inside, "/decide", kind="comment", student="ada", text="x", after="0")
    assert desk.decisions()[0].who == "홍길동; x=<b>"


def test_a_page_or_number_that_there_is_not_is_a_sentence(inside):
    for path in ("/student?name=x", "/question?key=x", "/answer?key=7.2&place=99",
                 "/answer?key=7.2&place=x"):  # fmt: skip
        answer = inside.get(path)
        assert answer.status_code == 400
        assert "This was not stored" in answer.text


def test_a_form_that_is_too_large_is_refused(inside, desk):
    answer = post(inside, "/decide", kind="comment", student="ada", text="x" * 300_000, after="0")
    assert answer.status_code == 400
    assert desk.decisions() == []


def test_an_extension_is_in_the_zone_of_the_due_date():
    seoul = timezone(timedelta(hours=9))
    assert extension_text("2026-03-20T23:59", "ill", seoul) == "2026-03-20T23:59:00+09:00 ill"
    assert extension_text("2026-03-20T23:59:00+01:00", "ill", seoul).startswith(
        "2026-03-20T23:59:00+01:00"
    )
