# make PYTHON=.venv/bin/python ... where the environment is not the active one.
PYTHON ?= python

.PHONY: check format lint types imports docstrings fix test test-all results results-fast

check: format lint types imports docstrings  ## all that needs no test, in about a minute

format lint types imports docstrings:
	$(PYTHON) tests/kit/checks.py $@

fix:  ## what ruff can put right by itself
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

test:  ## the fast tests, which enter every room
	$(PYTHON) -m pytest -n 2 --dist loadfile -m "not slow"

test-all:  ## what CI runs
	$(PYTHON) -m pytest -n 2 --dist loadfile

# Both go through docs/results/provenance.toml, and go on where an interrupted run was. All but the
# tables of time and memory need the corpus (FP_CORPUS); docs/results/reading.md says what else.
results-fast:  ## the tables that take minutes
	$(PYTHON) benchmarks/results.py run --fast

results:  ## all tables; takes hours
	$(PYTHON) benchmarks/results.py run
