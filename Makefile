PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
SIZE ?= large
RUNS ?= 3

.PHONY: help demo ui test check lock bench clean

help: ## List the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.ready: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: $(VENV)/.ready ## Migrate the sample workspace on an embedded database, then say where to look
	$(BIN)/chatsdk-migrate demo

ui: $(VENV)/.ready ## Open Dagster's web UI on the demo
	$(BIN)/chatsdk-migrate ui --demo

test: $(VENV)/.ready ## Run the linters, the type checker and all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile

bench: $(VENV)/.ready ## Measure everything beside its floor, and hold it against the goals (SIZE=large, RUNS=3)
	$(BIN)/python benchmarks/end_to_end.py --size $(SIZE) --runs $(RUNS) --user-message unread_and_mentions
	$(BIN)/python benchmarks/end_to_end.py --size $(SIZE) --runs $(RUNS)
	$(BIN)/python benchmarks/end_to_end.py --size $(SIZE) --runs $(RUNS) --user-message unread_and_mentions --unprivileged
	$(BIN)/python benchmarks/end_to_end.py --size medium --runs $(RUNS) --user-message unread_and_mentions
	$(BIN)/python benchmarks/end_to_end.py --size one-channel --user-message unread_and_mentions --no-floor
	$(BIN)/python benchmarks/end_to_end.py --size medium --user-message unread_and_mentions --latency 0.05 --rate-limits --no-floor
	$(BIN)/python benchmarks/live.py --size medium --user-message unread_and_mentions
	$(BIN)/python benchmarks/events.py 500 5000
	$(BIN)/python benchmarks/reconcile.py --size medium
	$(BIN)/python benchmarks/idle_sync.py
	$(BIN)/python benchmarks/goals.py

lock: ## Resolve the dependencies again into requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --no-emit-index-url --no-header --quiet --output-file requirements.lock

clean: ## Remove the environment and the demo's data
	rm -rf $(VENV) .demo
