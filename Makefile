# Everything a developer types. Each target sets up what it needs; nothing needs root or an account.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
PYTHON := $(VENV)/bin/python
RUN_STAMP := $(VENV)/.run-stamp
DEV_STAMP := $(VENV)/.dev-stamp
BENCH_STAMP := $(VENV)/.bench-stamp
ARGS ?=
SEEDS ?= 10000
MINUTES ?= 10
SEED ?= 1
# How pytest is run; PYTEST_ARGS narrows it, such as PYTEST_ARGS=tests/unit/cli
PYTEST ?= -n 2
PYTEST_ARGS ?=

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name words; do
	    printf '  make %-14s %s\n' "$$name" "$$words"
	done

.PHONY: run
run: $(RUN_STAMP) ## Set up and run the whole chain on paper until Ctrl-C; ARGS="--speed 60" passes options
	@exec $(VENV)/bin/quantum up $(ARGS)

.PHONY: setup
setup: $(DEV_STAMP) ## Make .venv with everything that running and testing need

.PHONY: test
test: lint ## Lint, then every test; PYTEST_ARGS=tests/unit narrows it
	@$(PYTHON) -m pytest $(PYTEST) $(PYTEST_ARGS)

.PHONY: lint
lint: $(DEV_STAMP) ## ruff (rules and format) and mypy
	@$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

# The backtest's neighbours ask for other releases than ours, so each has a virtual environment of its own. Where one
# cannot be had here, its table says so.
NEIGHBOURS := $(if $(findstring backtest,$(ARGS)),.venv-nautilus/.stamp .venv-freqtrade/.stamp)

.PHONY: bench
bench: $(BENCH_STAMP) $(NEIGHBOURS) ## Run the benchmarks and print their tables; ARGS="sustained --minutes 10" picks one
	@$(PYTHON) -m benchmarks $(ARGS)

.PHONY: simulate
simulate: $(DEV_STAMP) ## Run SEEDS schedules of the services' own code under faults, and the mutants
	@$(PYTHON) -m tests.sim $(SEEDS)

.PHONY: chaos
chaos: $(DEV_STAMP) ## Kill real processes for MINUTES, seeded by SEED, then check the books from outside
	@$(PYTHON) -m tests.chaos --minutes $(MINUTES) --seed $(SEED)

.PHONY: chaos-aof
chaos-aof: $(DEV_STAMP) ## Tear every script at every byte of the append-only file, and recover; ARGS="--every 40"
	@$(PYTHON) -m tests.chaos.aof $(ARGS)

.PHONY: install
install: $(RUN_STAMP) ## As root: install under systemd; ARGS="--start" starts it, ARGS="--root DIR" builds an image
	@exec $(VENV)/bin/quantum deploy $(ARGS)

.PHONY: deploy-test
deploy-test: $(DEV_STAMP) ## Boot a real systemd and try units, deploy, reload and watchdog on it, the copied packages too
	@QUANTUM_DEPLOY_TESTS=all $(PYTHON) -m pytest -n 0 tests/deploy tests/unit/cli/deploy $(PYTEST_ARGS)

.PHONY: security-table
security-table: $(DEV_STAMP) ## Write the exposure of each unit into docs/security.md anew
	@$(PYTHON) -m services.cli.deploy.exposure docs/security.md

.PHONY: docs
docs: $(DEV_STAMP) ## Write docs/settings.md, docs/streams.md and docs/metrics.md anew from what they tell of
	@$(PYTHON) -m services.cli.reference docs/settings.md
	$(PYTHON) -m services.cli.streams_page docs/streams.md
	$(PYTHON) -m services.cli.metrics_page docs/metrics.md

.PHONY: man
man: $(RUN_STAMP) ## Write the manual pages into man/, from the command itself: man -l man/quantum.1
	@$(PYTHON) -m services.cli.man_pages man

.PHONY: lint-metrics
lint-metrics: $(DEV_STAMP) ## Check alert rules and dashboard, with promtool where it is installed
	@$(PYTHON) -m pytest tests/unit/test_monitoring.py -rs

.PHONY: lock
lock: $(DEV_STAMP) ## Pin and hash the requirements anew from requirements*.in
	@$(PYTHON) -m pip install --quiet uv
	for name in requirements requirements-dev requirements-bench requirements-bench-nautilus requirements-bench-freqtrade; do
	    $(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	        --no-emit-index-url --no-emit-find-links --no-header --output-file "$$name.txt" "$$name.in"
	done

.PHONY: clean
clean: ## Remove .venv and what the tools left
	@rm -rf $(VENV) .venv-nautilus .venv-freqtrade .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The requirements are whole, pinned and hashed, so nothing is left for pip to resolve: --no-deps keeps it from looking
# for a newer release of what one of them asks for with an extra. The project itself goes in without its dependencies.
$(RUN_STAMP): requirements.txt pyproject.toml | $(PYTHON)
	@echo "setting up: what running needs (a minute or two, once)"
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(DEV_STAMP): requirements-dev.txt $(RUN_STAMP)
	@echo "setting up: what testing needs (once)"
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	touch $@

$(BENCH_STAMP): requirements-bench.txt $(RUN_STAMP)
	@echo "setting up: the frameworks that the benchmarks compare with (once)"
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-bench.txt
	touch $@

.venv-%/.stamp: requirements-bench-%.txt | $(PYTHON)
	@echo "setting up: $*, which the backtest's benchmark compares with (a minute or two, once)"
	rm -rf .venv-$*
	$(PYTHON) -m venv --without-pip .venv-$*
	if $(PYTHON) -m pip --python .venv-$*/bin/python install --quiet --disable-pip-version-check --require-hashes \
	        --no-deps -r $<; then
	    touch $@
	else
	    rm -rf .venv-$*
	    echo "$* cannot be installed here; its table will say so" >&2
	fi

# A bare Debian has python3 without ensurepip: then pip comes from the system's pip, or the venv from virtualenv.
$(PYTHON):
	@chosen=
	for name in python3.13 python3.12 python3.11 python3; do
	    if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then chosen="$$name"; break; fi
	done
	if [ -z "$$chosen" ]; then
	    echo "Quantum needs Python 3.11 or newer: apt-get install python3 python3-venv" >&2
	    exit 1
	fi
	rm -rf $(VENV)
	if "$$chosen" -c 'import ensurepip, venv' 2>/dev/null; then
	    "$$chosen" -m venv $(VENV)
	elif "$$chosen" -m pip --version >/dev/null 2>&1 && "$$chosen" -m venv --without-pip $(VENV) 2>/dev/null \
	        && "$$chosen" -m pip --quiet --disable-pip-version-check --python $(VENV)/bin/python install pip; then
	    :
	elif rm -rf $(VENV) && "$$chosen" -m virtualenv --version >/dev/null 2>&1; then
	    "$$chosen" -m virtualenv --quiet $(VENV)
	elif command -v virtualenv >/dev/null; then
	    virtualenv --quiet --python "$$chosen" $(VENV)
	else
	    rm -rf $(VENV)
	    version="$$("$$chosen" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
	    echo "$$chosen cannot make a virtual environment; once, as root: apt-get install python$$version-venv" >&2
	    exit 1
	fi
