# `make help` lists what can be made.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo notebook down test terraform-test faults breaks soak bench package deploy lint format lock

VENV := .venv
EMULATOR_VENV := .venv-emulator
TELEMETRY := $(VENV)/bin/telemetry
UV := $(VENV)/bin/uv
UV_PIN := $(shell grep '^uv==' requirements/dev.txt)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.ready ## make .venv (the command is then .venv/bin/telemetry) and the emulator's own environment

$(VENV)/.ready: requirements/dev.txt requirements/emulator.txt pyproject.toml
	@python=$$(scripts/find_python.sh) || exit 1; \
	echo "Python: $$python"; \
	"$$python" -m venv --clear $(VENV) && \
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check '$(UV_PIN)' && \
	$(UV) pip install --quiet --python $(VENV)/bin/python -r requirements/dev.txt && \
	$(UV) pip install --quiet --python $(VENV)/bin/python --no-deps --editable . && \
	$(UV) venv --quiet --clear --python $(VENV)/bin/python $(EMULATOR_VENV) && \
	$(UV) pip install --quiet --python $(EMULATOR_VENV)/bin/python -r requirements/emulator.txt
	@touch $@

demo: export TELEMETRY_FIREHOSE_BUFFER_SECONDS := 5
demo: setup ## run the whole pipeline on this machine; it stays up until `make down`
	@$(TELEMETRY) up
	@$(TELEMETRY) demo

notebook: setup ## open the analysis of the lake in JupyterLab, a copy of it, on the stack that runs here
	@environment=$$($(TELEMETRY) env) || { echo "With messages to look at: make demo"; exit 1; }; eval "$$environment"; \
	folder="$${TELEMETRY_STATE:-$(CURDIR)/.telemetry}/notebooks"; copy="$$folder/telemetry_analysis.ipynb"; \
	mkdir -p "$$folder" && { test -e "$$copy" || cp include/notebooks/telemetry_analysis.ipynb "$$copy"; } && \
	exec $(VENV)/bin/jupyter lab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir="$$folder" --allow-root "$$copy"

down: ## stop everything that `make demo` or `telemetry up` started
	@if [ -x $(TELEMETRY) ]; then $(TELEMETRY) down; else echo "Nothing was set up, so nothing runs."; fi

test: setup lint ## lint; unit, integration, fault (the short cases), end-to-end, MWAA and Terraform tests
	$(VENV)/bin/pytest -n 2 --dist loadgroup --no-loadscope-reorder

terraform-test: setup ## Terraform: its own tests, checkov, and all of it applied to the emulator (also part of test)
	$(VENV)/bin/pytest tests/terraform

faults: setup ## every case of the fault suite, with its matrix (FAULTS="--matrix docs/reliability-matrix.md")
	$(VENV)/bin/pytest tests/faults -n 2 --dist loadgroup --no-loadscope-reorder --all-faults --faults-examples 12 $(FAULTS)

breaks: setup ## break each promise on purpose: the fault suite must fail (BREAKS="--matrix FILE")
	PYTHONPATH=tests:include $(VENV)/bin/python -m faults.breaks $(BREAKS)

soak: setup ## publish 200 messages a second and kill parts at random for 10 minutes (SOAK="--minutes 2 --seed 7")
	PYTHONPATH=tests $(VENV)/bin/python -m faults.soak $(SOAK)

bench: setup ## rows a second of the transformation (BENCH="--against COMMIT" compares; --rounds, --rows, --stream)
	PYTHONPATH=tests $(VENV)/bin/python -m benchmarks.transform $(BENCH)

package: setup ## what Terraform and MWAA take, in dist/ (PACKAGE="--airflow 3.2.1")
	@$(TELEMETRY) package $(PACKAGE)

deploy: setup ## bring a MWAA environment to this checkout, and wait: make deploy ENV=NAME
	@test -n "$(ENV)" || { echo "Name the MWAA environment: make deploy ENV=NAME"; exit 2; }
	@$(TELEMETRY) package $(PACKAGE)
	@$(TELEMETRY) deploy "$(ENV)"

lint: setup ## ruff, the formatter, import-linter and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy

format: setup ## let ruff mend and format the code
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# CONSTRAINTS is Airflow's constraints file of MWAA's version and Python (requirements/README.md).
lock: setup ## pin the requirements again: make lock CONSTRAINTS=FILE
	@test -f "$(CONSTRAINTS)" || { echo "Name MWAA's constraints file: make lock CONSTRAINTS=FILE"; exit 2; }
	scripts/lock.sh "$(CONSTRAINTS)"
