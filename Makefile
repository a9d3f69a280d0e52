# Everything runs in .venv; `make setup` makes it, and every target that needs it does so by itself.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
EXTRAS := cpu,deploy,tensorboard,search,mcu,dev
BENCHMARKS := benchmarks/training_throughput.py benchmarks/camvid_accuracy.py
DISK_NEEDED_KB := 4194304
WORKERS ?= 2

# Two workers of one thread each: steady sums, and no fight for the processors.
PYTEST := TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1 \
	$(RUN) -m pytest -q -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup host demo test test-slow check format lint types layers bench fuzz clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## Make .venv with everything (instant when it is up to date)

$(READY): pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory host
	@$(RUN) -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "setup: installing into $(VENV), some minutes the first time"
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@
	@echo "setup: done; try: make demo"

host:
	@command -v $(PYTHON) >/dev/null || { echo "setup: $(PYTHON) not found; install Python 3.11 to 3.13, or say where it is: make setup PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "setup: $(PYTHON) is $$($(PYTHON) -V); Python 3.11 to 3.13 is needed: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "setup: $(PYTHON) has no venv module; install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@df -Pk . | awk 'NR == 2 && $$4 < $(DISK_NEEDED_KB) {exit 1}' || { echo "setup: less than 4 GB free on this disk; make room first" >&2; exit 1; }

demo: setup  ## Everything once on built-in synthetic terrain: train, evaluate, export
	@$(VENV)/bin/nano-u demo

test: setup  ## Fast tests
	@$(PYTEST)

test-slow: setup  ## Tests that take minutes (none at all is no failure)
	@$(PYTEST) -m slow || { code=$$?; [ $$code -eq 5 ] || exit $$code; }

check: format lint types layers test  ## Format, lint, types, layers, fast tests

format: setup
	@$(RUN) -m ruff format --check .

lint: setup
	@$(RUN) -m ruff check .

types: setup
	@$(RUN) -m mypy

layers: setup
	@$(VENV)/bin/lint-imports --no-logo

bench: setup  ## Throughput against other tools, accuracy on real images (some 40 minutes)
	@set -e; for file in $(BENCHMARKS); do echo "== $$file"; $(RUN) $$file; done

fuzz: setup  ## Ten thousand mutated .tflite files against the C generator and LiteRT (some minutes)
	@$(RUN) -m tests.codegen.fuzzing

clean:  ## Remove caches and build results; runs/ and .venv stay
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
