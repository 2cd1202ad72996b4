"""What notebooks of a hosted service import does nothing here."""

from __future__ import annotations

import pytest

from grader.sandbox.policy import GUEST_LIBRARY


@pytest.fixture(autouse=True)
def _library(monkeypatch):
    monkeypatch.syspath_prepend(str(GUEST_LIBRARY))


def test_what_a_hosted_notebook_imports_does_nothing(capsys, tmp_path, monkeypatch):
    (tmp_path / "google" / "other").mkdir(parents=True)
    (tmp_path / "google" / "other" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    import google.other  # a neighbour in the namespace is not hidden
    from google.colab import drive, files, output

    assert google.other is not None
    drive.mount("/content/drive", force_remount=True)
    drive.flush_and_unmount()
    assert files.upload() == {}
    assert files.download("a.csv") is files.view("a") is output.clear() is None
    assert output.eval_js("1") is None
    assert capsys.readouterr().out == "/content/drive: no drive is mounted while grading\n"


def test_an_opencv_image_is_shown(capsys):
    import numpy as np
    from google.colab.patches import cv2_imshow

    cv2_imshow(np.zeros((2, 3, 3)))
    cv2_imshow(np.zeros((2, 3)))
    assert capsys.readouterr().out.count("PIL.Image.Image") == 2
