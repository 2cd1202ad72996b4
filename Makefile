# Everything a fresh machine needs: Python >= 3.11 and make.
# PYTHON makes the virtual environment; VENV is where it lies.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed

.PHONY: grade test check fuzz bench clean

grade: $(READY)  ## grade the sample class into reports/latest
	$(BIN)/grader grade submissions --assignment cnn --out reports/latest

test: check  ## style, types and all tests
	$(BIN)/pytest -n 2 --dist worksteal

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fuzz: $(READY)  ## 10,000 inputs for every reader of what strangers send; a few minutes
	$(BIN)/pytest tests/fuzz --hypothesis-profile=fuzz

bench: $(READY)  ## measure; figures go to benchmarks/README.md by hand
	$(BIN)/python benchmarks/start.py
	$(BIN)/python benchmarks/submission.py
	$(BIN)/python benchmarks/training.py

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) reports/latest
