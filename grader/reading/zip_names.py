"""Names inside a zip file -> text: which encoding they were written in.

A zip file flags names in UTF-8 only. Other names are in the encoding of the machine that packed it
and nothing says which one, so the encoding is chosen whose text looks most like names.

Here: bytes of names to text. Not here: folders and files (`archives.py`).
"""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import Callable, Sequence

from grader.errors import UsageError

_FLAG_UTF8 = 0x800
_KOREAN_NAMES = frozenset(
    "김이박최정강조윤장임한오서신권황안송류유전홍고문양손배백허남심노하곽성차주우구민진나지엄채원천방공"
    "현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용예경봉사부가복태목형두감호가건규근"
    "남다대덕동라란람래령례록린림만미범병보빈빛산상새세수숙순슬승시아애언열영온완요욱운웅원월의일자재종"
    "준중찬창철초춘충치택평필학해향혁혜화환효훈휘희과제숙습실험출최딥러닝합성곱신망학번호반리중말론코드풀해답"
    "본수업료파크트레포보고서를을는의에와로스터프로젝주차첨부강컴퓨비전모델그림버튼날든솔별율률렬"
)


def check_encoding(encoding: str) -> None:
    """Raise UsageError for an encoding that Python does not know; empty means to choose."""
    try:
        b"a".decode(encoding or "utf-8")  # of no bytes Python reads in any encoding
    except (LookupError, ValueError, UnicodeError) as error:
        raise UsageError(
            f"--zip-encoding {encoding!r} is no encoding; try cp949, shift_jis, gb18030 or cp437."
        ) from error


def decode_names(infos: Sequence[zipfile.ZipInfo], encoding: str = "") -> list[str]:
    """Return the names of all members; `encoding` in place of a choice, for names without a flag.

    One program packed the whole file, so that one encoding is chosen for all names that are not
    UTF-8.
    """
    raw = [_raw(info) for info in infos]
    texts = [info.filename for info in infos]
    doubtful: dict[int, bytes] = {}
    for index, data in enumerate(raw):
        if data is None or data.isascii():
            continue
        try:
            texts[index] = data.decode(encoding or "utf-8")
        except UnicodeDecodeError:
            doubtful[index] = data
    chosen = _choose(list(doubtful.values()))
    for index, data in doubtful.items():
        texts[index] = data.decode(chosen, "replace")
    return texts


def _raw(info: zipfile.ZipInfo) -> bytes | None:
    """Return the bytes of a name; None where zipfile knew the encoding."""
    if info.flag_bits & _FLAG_UTF8:
        return None
    try:
        return info.filename.encode("cp437")
    except UnicodeEncodeError:  # taken from an extra field, which is Unicode
        return None


def _choose(names: Sequence[bytes]) -> str:
    """Return the encoding under which the names look most like names; cp437 where none does."""
    scores = {encoding: _plausibility(names, encoding) for encoding in _JUDGES}
    return max(scores, key=lambda encoding: scores[encoding])


def _plausibility(names: Sequence[bytes], encoding: str) -> float:
    """Return how much names look like names in an encoding, from 0 to 1."""
    judge = _JUDGES[encoding]
    total, count = 0.0, 0
    for name in names:
        try:
            text = name.decode(encoding)
        except UnicodeDecodeError:
            return 0.0
        for index, char in enumerate(text):
            if not char.isascii():
                total += judge(text, index) * (0.3 if _is_wedged(text, index) else 1.0)
                count += 1
    return total / count if count else 0.0


def _is_wedged(text: str, index: int) -> bool:
    """Return whether an East Asian character stands alone inside a Latin word."""
    before, after = text[max(index - 1, 0) : index], text[index + 1 : index + 2]
    return text[index] >= "\u2e80" and all(x.isascii() and x.isalpha() for x in (before, after))


def _latin(text: str, index: int) -> float:
    """Rate a character of cp437: a letter with an accent stands beside other Latin letters."""
    char = text[index]
    if not (char.isalpha() and unicodedata.name(char, "").startswith("LATIN")):
        return 0.05
    beside = text[max(index - 1, 0) : index] + text[index + 1 : index + 2]
    return 0.9 if any(one.isalpha() and one < "\u0250" for one in beside) else 0.5


def _korean(text: str, index: int) -> float:
    """Rate a character of cp949: the 2,350 syllables of the older standard are the usual ones.

    Chinese text may consist of these too; it rarely consists of syllables that names have.
    """
    char = text[index]
    if "가" <= char <= "힣":
        if not _is_in(char, "euc_kr"):
            return 0.15
        return 1.0 if char in _KOREAN_NAMES else 0.89
    return 0.3 if _is_in(char, "euc_kr") and not _is_private(char) else 0.0


def _japanese(text: str, index: int) -> float:
    """Rate a character of Shift-JIS: kana, and characters of the first level."""
    char = text[index]
    if "\uff61" <= char <= "\uff9f":  # half width: what any other encoding turns into
        return 0.1
    if "\u3040" <= char <= "\u30ff":
        return 1.0
    if "\u4e00" <= char <= "\u9fff":
        return 0.97 if char.encode("cp932") < b"\x98\x9f" else 0.3
    return 0.3 if not _is_private(char) else 0.0


def _chinese(text: str, index: int) -> float:
    """Rate a character of GB 18030: the 3,755 of the first level are the usual ones.

    Korean syllables lie where the first half of that level does: see `_korean`.
    """
    char = text[index]
    if _is_in(char, "gb2312"):
        if "\u4e00" <= char <= "\u9fff":
            return 0.95 if char.encode("gb2312") < b"\xd8" else 0.5
        return 0.4
    return 0.15 if "\u4e00" <= char <= "\u9fff" else 0.0


_JUDGES: dict[str, Callable[[str, int], float]] = {
    "cp437": _latin,
    "cp949": _korean,
    "cp932": _japanese,
    "gb18030": _chinese,
}


def _is_in(char: str, encoding: str) -> bool:
    try:
        # Python spells the other Korean syllables out as letters, eight bytes for one
        return len(char.encode(encoding)) <= 2
    except UnicodeEncodeError:
        return False


def _is_private(char: str) -> bool:
    return unicodedata.category(char) in ("Co", "Cn", "Cc")
