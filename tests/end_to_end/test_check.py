"""`grader check`: one notebook on the terminal, and what its exit code says."""


def test_a_right_notebook_ends_with_0(grader, tmp_path, write_notebook, honest):
    code, out, err = grader("check", write_notebook(tmp_path / "hw2.ipynb", honest), "corr2d")
    assert (code, err) == (0, "")
    assert "10/10 points" in out
    assert list(tmp_path.iterdir()) == [tmp_path / "hw2.ipynb"]  # nothing is written


def test_a_wrong_notebook_ends_with_1_and_gets_as_much_help_as_asked_for(
    grader, check_here, tmp_path, write_notebook, honest
):
    wrong = honest.replace("* K", "* K.flip(0, 1)")
    path = write_notebook(tmp_path / "hw2.ipynb", wrong)
    little = check_here(path, "CORR2D", "--hints", "0")
    everything = grader("check", path, "corr2d", PYTHONIOENCODING="ascii")
    assert little.code == everything.code == 1
    for printed in (little, everything):
        assert "3/10 points" in printed.out
    assert "true convolution" in everything.out
    assert "true convolution" not in little.out


def test_a_notebook_that_cannot_be_read_ends_with_2_and_a_remedy(grader, tmp_path):
    (tmp_path / "hw2.ipynb").write_bytes(b"%PDF-1.4")
    code, out, _ = grader("check", tmp_path / "hw2.ipynb", "corr2d")
    assert code == 2
    assert "ask the student" in " ".join(out.split())
