# make PYTHON=.venv/bin/python ... where the environment is not the active one.
PYTHON ?= python

.PHONY: check format lint types imports docstrings fix test test-all

check: format lint types imports docstrings  ## all that needs no test, in about a minute

format lint types imports docstrings:
	$(PYTHON) tests/kit/checks.py $@

fix:  ## what ruff can put right by itself
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

test:  ## the fast tests, which enter every room
	$(PYTHON) -m pytest -n 2 --dist loadfile -m "not slow"

test-all:  ## what CI runs
	$(PYTHON) -m pytest
