# Everything is installed under .venv/ and contracts/node_modules/; build/ holds what is made.
# `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Where this is set, as in many images, each of the thousand processes of a test run would compile every
# module that it imports, again.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
CXX ?= c++
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
ROOMS := verifier models circuits prover api

# Folders count as sources, so that a deleted file reinstalls the wheels as a changed one does.
SOURCES := $(shell find $(ROOMS) -not -name '__pycache__' -not -path '*/__pycache__/*' 2>/dev/null)

# Three rooms of tests are run side by side, each by a process of its own, which is faster (many wait
# for servers that they started) and keeps one room's leftovers from another. What takes long begins
# first; a room is shown when it has ended.
LONGEST := prover api integration verifier circuits soundness models chaos console native relation
TESTED := $(sort $(foreach file,$(wildcard tests/*/test_*.py tests/*/*/test_*.py),\
  $(word 2,$(subst /, ,$(file)))))
TESTS := $(addprefix test-,$(filter $(TESTED),$(LONGEST)) $(filter-out $(LONGEST),$(TESTED)))

# Tests run in a random order, which a commit's tree decides: who repeats a run repeats its order, and
# the next change tries another. ORDER=NUMBER gives one.
ORDER ?= $(shell printf %d 0x$$(git rev-parse 'HEAD^{tree}' 2>/dev/null | cut -c 1-8) 2>/dev/null)

# TRAIN=1 tests what torch is needed for, too, which is skipped where there is none.
INSTALLED := $(if $(TRAIN),setup-train,setup)

.PHONY: $(TESTS)
.PHONY: help setup setup-train demo demo-dispute demo-tee serve test test-gpu campaign campaign-chaos campaign-api lint type \
        contracts-test bench clean prerequisites links native native-sanitize npm lock readme format \
        screenshots

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: prerequisites $(VENV)/.installed npm links ## install everything, inside this folder

setup-train: setup $(VENV)/.train ## add torch and scikit-learn, to train and export models

demo: setup ## ask, answer, prove, settle, verify: the whole line on this machine
	@$(BIN)/avow demo

demo-dispute: setup ## five disputes about claimed answers, each to its end
	@$(BIN)/python -m avow.api.demo.disputes build/dispute build/dispute.json

# A genuine quote is no part of the project: QUOTE=FILE COLLATERAL=FILE AT=TIME name one.
GENUINE := $(if $(QUOTE),--evidence '$(QUOTE)' --at '$(AT)' $(if $(COLLATERAL),--collateral '$(COLLATERAL)'))
demo-tee: setup ## attested answers: simulated, refused, contradicted, paid beside a proof
	@$(BIN)/python -m avow.api.demo.attested build/tee build/tee.json $(GENUINE)

serve: setup ## run chain, queue, provider, validator and API until interrupted
	@$(BIN)/avow serve

# The contracts need npm's packages alone: their compiler works while the others are installed.
test: ## lint, types, contracts and every Python test, on the installed wheels
	@$(MAKE) -j3 --keep-going --output-sync=line lint type contracts-test $(TESTS)

campaign: setup native-sanitize ## the fuzz and invariant tests, for hours instead of seconds
	cd contracts && npm run --silent campaign
	AVOW_TEST_INSTALLED=1 \
	  $(BIN)/python -m pytest -m hypothesis --hypothesis-profile=campaign --timeout=0
	AVOW_TEST_INSTALLED=1 AVOW_TEST_CAMPAIGN=1 \
	  $(BIN)/python -m pytest --timeout=0 tests/relation tests/soundness \
	  tests/verifier/attestation tests/verifier/trace tests/models/program
	AVOW_TEST_INSTALLED=1 $(BIN)/python -m tests.disputes.campaign $(or $(MINUTES),60)
	$(BIN)/python -m tests.mutation.reverts
	@$(MAKE) campaign-api

# PostgreSQL by AVOW_TEST_POSTGRES_URL, else SQLite. SEED repeats the kinds of a run, not its times.
campaign-chaos: setup ## kill random parts of a working service for MINUTES (20), then audit it
	@$(BIN)/python -m tests.chaos.campaign $(or $(MINUTES),20) $(SEED)

campaign-api: setup ## send EXAMPLES (1000) random requests to each operation of the API, twice
	AVOW_TEST_INSTALLED=1 AVOW_TEST_FUZZ=$(or $(EXAMPLES),1000) \
	  $(BIN)/python -m pytest --timeout=0 tests/api/test_fuzz.py

lint: $(INSTALLED) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(INSTALLED) ## mypy, strict
	$(BIN)/mypy

$(TESTS): test-%: $(INSTALLED) # the Python tests of one room
	@echo "pytest tests/$* --randomly-seed=$(ORDER)"
	@MAKEFLAGS= AVOW_TEST_INSTALLED=1 $(BIN)/python -m pytest --randomly-seed=$(ORDER) tests/$*

# It looks at what forge has built, which must not be built twice at once.
test-contracts: contracts-test

# Needs no setup: on a machine without a network, PYTHON is one that has the packages.
GPU_PYTHON ?= $(or $(wildcard $(BIN)/python),$(PYTHON))
GPU_DEVICES ?= cuda
test-gpu: links ## run inference on the GPU; fails where there is none or it ran elsewhere
	@PYTHONPATH=build/links:$${PYTHONPATH:-} $(GPU_PYTHON) -m avow.models.devices $(GPU_DEVICES)
	@AVOW_TEST_GPU="$(GPU_DEVICES)" PYTHONPATH=build/links:$${PYTHONPATH:-} \
	  $(GPU_PYTHON) -m pytest --import-mode=importlib tests/models/gpu

contracts-test: npm # forge: unit, fuzz, stateful invariants
	cd contracts && npm run --silent test

bench: setup ## measure every model on every system: build/bench.json
	@$(BIN)/avow bench --json build/bench.json

screenshots: setup # the console's pages as pictures: docs/console/
	$(BIN)/python -m tests.console.screenshots docs/console

clean: ## remove the environment, the npm folder and everything built
	rm -rf $(VENV) build dist prover/native/*.so contracts/node_modules contracts/out contracts/cache
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find $(ROOMS) tests -name '__pycache__' -type d -prune -exec rm -rf {} +

format: setup # let ruff rewrite the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

readme: setup # refresh the help texts in README.md
	$(BIN)/python tests/architecture/readme.py README.md

prerequisites:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "make: Python 3.11 or newer is needed, found: $$($(PYTHON) --version 2>&1 || true)" \
	       "(choose one with PYTHON=...)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: Python's modules venv and ensurepip are needed (on Debian: python3-venv)" >&2; \
	  exit 2; }
	@$(PYTHON) -c 'import sys, sysconfig; \
	  open(sysconfig.get_path("include") + "/Python.h").close()' 2>/dev/null || { \
	  echo "make: the headers of $(PYTHON) are needed (on Debian: python3-dev)" >&2; exit 2; }
	@node -e 'process.exit(+process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null || { \
	  echo "make: Node 20 or newer is needed, found: $$(node --version 2>&1 || true)" >&2; exit 2; }
	@npm --version >/dev/null 2>&1 || { echo "make: npm is needed, found none" >&2; exit 2; }
	@$(CXX) --version >/dev/null 2>&1 || { \
	  echo "make: a C++ compiler is needed, found none named $(CXX)" >&2; exit 2; }

$(VENV)/bin/python: | prerequisites
	@echo "setup: $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# uv takes a fraction of pip's time, but reads nothing of pip's configuration, a mirror's address, say:
# where it cannot get the packages, pip does, by the same lock.
UV := $(BIN)/uv pip install --quiet --require-hashes --python $(BIN)/python
$(VENV)/.locked: locks/all.txt locks/uv.txt | $(VENV)/bin/python
	@echo "setup: the packages of locks/all.txt"
	@{ $(PIP) install --quiet --require-hashes --only-binary uv -r locks/uv.txt && \
	  $(UV) -r locks/all.txt; } || { \
	  echo "setup: uv could not install them (see above); pip tries the same lock" >&2; \
	  $(PIP) install --quiet --require-hashes -r locks/all.txt; }
	@touch $@

# Never from an index: a package of the same name there must not be able to take our place.
$(VENV)/.installed: $(VENV)/.locked pyproject.toml README.md $(SOURCES)
	@echo "setup: the wheels of this checkout"
	@rm -rf build/wheels
	@$(PIP) wheel --quiet --no-index --no-deps --no-build-isolation -w build/wheels \
	  --config-settings=build-dir=build/wheel ./verifier .
	@$(PIP) install --quiet --no-index --no-deps --force-reinstall build/wheels/*.whl
	@touch $@

# After the wheels: two pips at once in one environment could read what the other has half written.
$(VENV)/.train: locks/train.txt $(VENV)/.locked | $(VENV)/.installed
	@echo "setup: the packages of locks/train.txt"
	@$(PIP) install --quiet -r locks/train.txt
	@touch $@

npm: contracts/node_modules/.package-lock.json

contracts/node_modules/.package-lock.json: contracts/package.json contracts/package-lock.json \
  | prerequisites
	@echo "setup: the npm packages of contracts/"
	@cd contracts && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# Type checkers do not know the mapping of the wheels; they read it from these links.
links:
	@mkdir -p build/links/avow
	@$(foreach room,$(ROOMS),ln -sfn ../../../$(room) build/links/avow/$(room);)

# The core of a developer's tree; setup builds the wheel's own.
NATIVE := $(BIN)/cmake -S prover/native -G Ninja -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python \
  -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja -DAVOW_PLACE=$(CURDIR)/prover/native --log-level=WARNING

native: links # build the native core beside its sources, for PYTHONPATH=build/links
	@$(NATIVE) -B build/native
	@$(BIN)/cmake --build build/native

# The core under AddressSanitizer and UndefinedBehaviorSanitizer, in links of its own. Leaks are not
# looked for: the interpreter keeps what it likes. AddressSanitizer ends a process that loads a library
# whose own symbols come first, as PyCryptodome's do unless told not to.
SANITIZED := build/sanitize/links
native-sanitize: $(VENV)/.locked # run the native tests on a build that checks every access
	@mkdir -p $(SANITIZED)/avow/prover/native
	@$(foreach room,verifier models circuits,ln -sfn ../../../../$(room) $(SANITIZED)/avow/$(room);)
	@for path in prover/*; do [ $$path = prover/native ] || \
	  ln -sfn ../../../../../$$path $(SANITIZED)/avow/$$path; done
	@for path in prover/native/*.py; do \
	  ln -sfn ../../../../../../$$path $(SANITIZED)/avow/$$path; done
	@$(NATIVE) -DAVOW_SANITIZE=ON -B build/sanitize/core \
	  -DAVOW_PLACE=$(CURDIR)/$(SANITIZED)/avow/prover/native
	@$(BIN)/cmake --build build/sanitize/core
	PYTHONPATH=$(SANITIZED) PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 \
	  PYCRYPTODOME_DISABLE_DEEPBIND=1 \
	  LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	  $(BIN)/python -m pytest --timeout=0 --deselect tests/native/test_build.py tests/native

lock: # resolve the locks again, from the package index
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --require-hashes -r locks/uv.txt
	locks/compile build/lock/bin/uv
