# make demo   the whole job in a terminal, then it ends
# make serve  site, admin and sandbox to click through
# make test   the test suite on SQLite, no service needed
# make lint   ruff, mypy, import-linter, migrations
# make bench-reconcile  how fast reconcile_entitlements is; about half an hour
# make bench-pages      queries and milliseconds of every page at two sizes; about ten minutes
# make bench-peers      how fast dj-stripe syncs the same subscriptions

PYTHON ?= python3
VENV ?= .venv
BIN := $(CURDIR)/$(VENV)/bin
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 * os.cpu_count())')
INSTALLED := $(VENV)/.installed

.PHONY: install demo serve test lint bench-reconcile bench-peers bench-pages clean
.DEFAULT_GOAL := demo

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[example,test,lint]'
	@touch $(INSTALLED)

demo: $(INSTALLED)
	@cd example_project && $(BIN)/python -m demo

serve: $(INSTALLED)
	@cd example_project && $(BIN)/python -m demo serve

test: $(INSTALLED)
	$(BIN)/python -m pytest -n $(WORKERS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd example_project && DEBUG=true MYPYPATH=.. $(BIN)/mypy --config-file mypy.ini
	$(BIN)/lint-imports
	$(BIN)/python -m django makemigrations --check --dry-run --settings tests.settings
	TEST_SUBSCRIBER=organisation $(BIN)/python -m django makemigrations --check --dry-run --settings tests.settings

bench-reconcile: $(INSTALLED)
	$(BIN)/python -m benchmarks.reconcile

bench-peers: $(INSTALLED)
	$(BIN)/python -m benchmarks.peers

bench-pages: $(INSTALLED)
	$(BIN)/python -m benchmarks.pages

clean:
	rm -rf $(VENV) .bench-venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
