"""Every ending brings its words, tone and payer; reports and points need no list of their own."""

import pickle
import re
from pathlib import Path

import msgspec
import pytest

import grader.report
from grader.errors import GraderError
from grader.verdict import STYLES, Status, Verdict, verdict_of

REPORT = Path(grader.report.__file__).parent


@pytest.mark.parametrize("member", [*Verdict, *Status])
def test_an_ending_is_stored_as_its_plain_spelling(member):
    assert str(member) == f"{member}" == member.value
    assert msgspec.json.decode(msgspec.json.encode(member), type=type(member)) is member
    assert pickle.loads(pickle.dumps(member)) is member
    assert type(member)(member.value) is member


def test_the_student_pays_for_every_verdict_but_the_two_that_cost_nothing():
    free = {verdict for verdict in Verdict if verdict.pays != "student"}
    assert free == {Verdict.PASSED, Verdict.BROKEN}
    assert not any(verdict.is_wrong for verdict in (*free, Verdict.SKIPPED))
    assert [verdict for verdict in Verdict if verdict.is_ours] == [Verdict.BROKEN]


@pytest.mark.parametrize("error", [GraderError("?"), ZeroDivisionError(), KeyboardInterrupt()])
def test_what_no_error_of_a_student_explains_is_ours(error):
    assert verdict_of(error).is_ours


@pytest.mark.parametrize("tone", STYLES)
def test_the_pages_have_a_style_for_each_tone(tone):
    css = (REPORT / "templates" / "style.css").read_text(encoding="utf-8")
    assert f"\n.{tone} {{" in css
    assert tone == "none" or f"\n.check.is-{tone} {{" in css


def test_no_report_lists_verdicts_or_statuses_of_its_own():
    listed = re.compile(r"^\s*\{?(Verdict|Status)\.[A-Z_]+: \S|\(Status\.\w+, Status", re.MULTILINE)
    for path in REPORT.rglob("*.py"):
        assert not listed.search(path.read_text(encoding="utf-8")), path.name
