# Everything starts from here, on a fresh Debian machine too: the targets set up what they need.
#
#   make demo      plan and build examples/chain for two platforms, and look at the images
#   make test      all checks and all tests, with a coverage report of what pytest itself runs (WORKERS: cores + 1)
#   make whole     make test with none left out: of many tests of a kind that one takes a fourth, in turns by commit (TURN)
#   make coverage  make whole, with a coverage report of the programs that the tests start too
#   make lint      formatting, types, and which part may import which
#   make unit      the tests that need neither docker nor an engine
#   make pythons   the unit and golden tests with every other Python from 3.11 on that is here
#   make e2e       the tests on a real engine, all of them
#   make fuzz      specs that nobody would write (FUZZ_COUNT, FUZZ_SEED): no traceback, no hang, no odd exit code; and
#                  properties with more examples
#   make prove     1,000 changes of random projects: what is kept is what a real build makes (PROVE_COUNT, PROVE_SEED)
#   make kills     30 kills of engines, registries, runs and machines at random moments (KILLS, KILLS_SEED): no tag is harmed
#   make bench     the same work by buildmatrix and by plain bake
#   make generate  the schemas and the reference, from the settings' rows
#   make dist      the sdist and the wheel of a release in dist/, looked at
#   make down      stop the throw-away engine, where one was started

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help demo test whole coverage lint unit pythons e2e kills fuzz prove bench generate dist engine down clean

PYTHON ?= python3
gitlab := .venv/gitlab-ci-local
gitlab_version := 4.75.1
engine := tools/engine/engine
with_engine := $(engine) exec
coverage := --cov --cov-report=term
# one more than there are cores: half of the time of a test on the engine is the engine's
WORKERS ?= $(shell echo $$(($$(nproc) + 1)))
workers := -n $(WORKERS) --dist worksteal
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# the tests start the program a thousand times: each start would compile it
unexport PYTHONDONTWRITEBYTECODE
# else a process of a test leaves its share where it stands: in the test's own project
export COVERAGE_FILE := $(CURDIR)/.coverage

help:
	@sed -n 's/^#   //p' Makefile

demo: .venv/ready engine
	@$(with_engine) tools/demo.sh

test: lint engine $(gitlab)
	@$(with_engine) pytest $(workers) $(coverage)

whole: export WHOLE := 1
whole: test

coverage: export WHOLE := 1
coverage: export COVERAGE_PATCH := subprocess, fork, _exit
coverage: .venv/ready engine $(gitlab)
	@$(with_engine) pytest $(workers) $(coverage)

lint: .venv/ready
	@ruff check --quiet
	@ruff format --check --quiet || { echo "not formatted, run: .venv/bin/ruff format"; exit 1; }
	@mypy --no-error-summary
	@lint-imports >.venv/imports.log || { cat .venv/imports.log; exit 1; }
	@echo "lint: ruff, mypy and import-linter found nothing"

# two more than there are cores: many of these wait
unit: workers := -n $(shell echo $$(($$(nproc) + 2))) --dist worksteal
unit: .venv/ready
	@pytest $(workers) -m "not contract and not e2e"

pythons: .venv/ready
	@tools/pythons.sh

e2e: export WHOLE := 1
e2e: .venv/ready engine $(gitlab)
	@$(with_engine) pytest -m e2e

fuzz: export FUZZ_COUNT ?= 5000
fuzz: export FUZZ_SEED ?= $(shell echo $$RANDOM)
fuzz: .venv/ready engine
	@EXAMPLES=5 pytest $(workers) tests/properties --hypothesis-seed $$FUZZ_SEED
	@$(with_engine) python -m tests.fuzz --count $$FUZZ_COUNT --seed $$FUZZ_SEED

prove: export PROVE_COUNT ?= 1000
prove: export PROVE_SEED ?= $(shell echo $$RANDOM)
prove: .venv/ready engine
	@$(with_engine) python -m tests.prove --count $$PROVE_COUNT --seed $$PROVE_SEED --workers $(WORKERS)

kills: export KILLS ?= 30
kills: export KILLS_SEED ?= $(shell echo $$RANDOM)
kills: .venv/ready engine
	@$(with_engine) pytest tests/e2e/test_kills.py tests/e2e/test_machines.py -k kill -v

bench: .venv/ready engine
	@$(with_engine) python benchmarks/run.py

generate: .venv/ready
	@python tools/generate.py

dist: .venv/ready
	@python tools/dist.py

# Its tests are skipped where it cannot be had; under CI they fail.
$(gitlab): .venv/ready Makefile
	@.venv/bin/python -m pip install -qq -e '.[dev-gitlab]' && \
	  npm install --loglevel=error --no-audit --no-fund --prefix $@ gitlab-ci-local@$(gitlab_version) >/dev/null && \
	  touch $@ || { rm -rf $@; echo "gitlab-ci-local cannot be had"; }

# Where no engine can be had (exit 3) a developer's tests skip what needs one; under CI they fail.
engine:
	@$(engine) up --nodes 2 || [[ $$? == 3 && -z "$${CI:-}" ]]

down:
	@$(engine) down

clean:
	rm -rf .venv .venvs dist htmlcov .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

.venv/ready: pyproject.toml
	@echo "setting up .venv"
	@.venv/bin/python -c "" 2>/dev/null || $(PYTHON) -m venv .venv >/dev/null || { \
	  echo "installing Debian's python3-venv"; \
	  apt-get update -qq; \
	  apt-get install -qq -y --no-install-recommends python3-venv >/dev/null; \
	  $(PYTHON) -m venv .venv; }
	@.venv/bin/python -m pip uninstall -qq -y buildmatrix 2>/dev/null # what this project was called before
	@.venv/bin/python -m pip install -qq -e '.[dev]'
	@touch $@
