# Everything a fresh machine needs: Python >= 3.11 and make.
# PYTHON makes the virtual environment; VENV is where it lies; WORKERS run the tests.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
LOWEST := $(VENV)-lowest
READY := $(VENV)/.installed

.PHONY: grade test test-busy test-lowest check fuzz bench clean

grade: $(READY)  ## grade the sample class into reports/latest
	$(BIN)/grader grade submissions --assignment cnn --out reports/latest

test: check  ## style, types and all tests
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

test-busy: $(READY)  ## verdicts beside a load, and without it; half an hour
	$(BIN)/pytest tests/busy/verdicts_beside_a_load.py

test-lowest: $(LOWEST)/.installed  ## tests with the lowest versions that pyproject.toml allows
	$(LOWEST)/bin/python -m pytest tests/test_third_party_internals.py \
		tests/wire tests/checks tests/kernel tests/guest tests/sandbox tests/grading \
		tests/reading tests/report
	$(LOWEST)/bin/grader grade --help > $(LOWEST)/help.txt

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fuzz: $(READY)  ## 10,000 inputs for every reader of what strangers send; twenty minutes
	$(BIN)/pytest tests/fuzz --hypothesis-profile=fuzz

# others.py installs two other autograders into environments of its own, in the user's cache
BENCHMARKS := start submission workers again others kernels memory growth check failures reports \
	serve similar training
bench: $(READY)  ## measure, an hour or more; figures go to benchmarks/README.md by hand
	for one in $(BENCHMARKS); do $(BIN)/python benchmarks/$$one.py || exit 1; done
	$(BIN)/python benchmarks/submission.py --phases

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# Python 3.11 or 3.12: the lowest torch is built for no later one. pip has no way to ask for the
# lowest versions, uv has; it is installed here only.
$(LOWEST)/.installed: pyproject.toml
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python \
		--resolution lowest-direct --requirements pyproject.toml
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) reports/latest
