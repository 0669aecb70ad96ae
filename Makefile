# Every command of the project; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup up demo check test test-long bench lock clean

PYTHON ?= python3
EXTRA ?= dev
DATA ?=
BENCH ?= worker latency ingest writer replay sessions model predict
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
UV := .uv/bin/uv
STAMP := $(VENV)/.installed-$(EXTRA)

help: ## Lists the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV):
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(STAMP): $(UV) requirements/$(EXTRA).txt pyproject.toml
	test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/build.txt -r requirements/$(EXTRA).txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

setup: $(STAMP) ## Installs everything into .venv (EXTRA=dev, train or services)

up: setup ## Runs the whole system on this machine: ingest :8001, queries :8000
	$(BIN)/opecom up

demo: setup ## Sends real sessions through the running system and checks what comes out (DATA=the UCI file)
	$(BIN)/opecom demo $(if $(DATA),--data $(DATA))

check: setup ## Formatting, lint, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup ## Runs the tests
	$(BIN)/python -m pytest -m "not long" $(ARGS)

test-long: setup ## Runs the long forms of the tests
	$(BIN)/python -m pytest -m long $(ARGS)

bench: setup ## Measures; BENCH="worker latency ingest writer replay sessions model predict", DATA=the UCI file
	for name in $(BENCH); do $(BIN)/opecom bench $$name $(if $(DATA),--data $(DATA)) || exit 1; done

lock: $(UV) ## Locks the dependencies anew, with hashes
	$(UV) pip compile --quiet --universal --generate-hashes --no-header pyproject.toml --output-file requirements/base.txt
	for extra in embedded services train dev; do \
	  $(UV) pip compile --quiet --universal --generate-hashes --no-header --constraint requirements/base.txt \
	    --extra $$extra pyproject.toml --output-file requirements/$$extra.txt || exit 1; done
	printf "hatchling\neditables\n" | $(UV) pip compile --quiet --universal --generate-hashes --no-header - --output-file requirements/build.txt

clean: ## Removes the environment and everything that a run left
	rm -rf $(VENV) .uv .opecom .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
