# The two commands a newcomer types: make run, make test. Everything they need is made by make setup.
SHELL := /bin/bash
PY := .venv/bin/python
PORT ?= 8888
DATA ?= .data
SPEED ?= 10
# Compiled modules are kept: starting and restarting processes is three times as fast.
export PYTHONDONTWRITEBYTECODE =
BUILD := .build

.PHONY: help setup run test check unit lint format types schema test-fault bench-realtime lock clean tools services pages

help:                    ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## +/\t/' | expand -t 16

run: $(BUILD)/python $(BUILD)/native $(BUILD)/pages   ## Start everything on the embedded default and say what to open
	@$(PY) run.py dev --port $(PORT) --data $(DATA) --speed $(SPEED)

setup: $(BUILD)/python $(BUILD)/native $(BUILD)/pages ## What run, check and test share: Python, packages, native sender, built pages

tools:
	@scripts/need python3 node npm

$(BUILD)/python: requirements-dev.lock
	@scripts/need python3
	@mkdir -p $(BUILD)
	@test -x $(PY) || python3 -m venv .venv
	@echo "installing Python packages (once)" && .venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(BUILD)/native: adapters/native/batch_send.c scripts/native
	@mkdir -p $(BUILD)
	@scripts/native
	@touch $@

$(BUILD)/web-packages: web/package-lock.json
	@scripts/need node npm
	@mkdir -p $(BUILD)
	@echo "installing packages of the screens (once)" && cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(BUILD)/patient-packages: web/patient/package-lock.json
	@scripts/need node npm
	@mkdir -p $(BUILD)
	@echo "installing packages of the patient app (once)" && cd web/patient && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path 'web/patient/*' 2>/dev/null; find web/patient/src/im web/patient/src/realtime -type f 2>/dev/null)
PATIENT_SOURCES := $(shell find web/patient web/mini-socket -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

$(BUILD)/web: $(BUILD)/web-packages $(WEB_SOURCES)
	@echo "building the screens" && cd web && npm run --silent build
	@scripts/compress web/dist
	@touch $@

$(BUILD)/patient-h5: $(BUILD)/patient-packages $(PATIENT_SOURCES)
	@echo "building the patient app" && cd web/patient && npm run --silent build:h5
	@scripts/compress web/patient/dist/h5
	@touch $@

$(BUILD)/patient-mini: $(BUILD)/patient-packages $(PATIENT_SOURCES)
	@echo "building both mini-programs" && cd web/patient && npm run --silent build:weapp && npm run --silent build:alipay
	@touch $@

$(BUILD)/pages: $(BUILD)/web $(BUILD)/patient-h5
	@touch $@

pages: $(BUILD)/pages $(BUILD)/patient-mini ## Build every page and both mini-programs

$(BUILD)/services:
	@mkdir -p $(BUILD)
	@scripts/services
	@touch $@

services: $(BUILD)/services ## redis-server, MariaDB and Chromium for the tests (Debian packages)

$(BUILD)/node-clients: tests/clients/node/package-lock.json
	@scripts/need node npm
	@mkdir -p $(BUILD)
	@cd tests/clients/node && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(BUILD)/bench-peers: scripts/bench-peers
	@mkdir -p $(BUILD)
	@scripts/bench-peers
	@touch $@

$(BUILD)/bench-python: requirements-bench.lock $(BUILD)/python
	@echo "installing what draws plots (once)" && .venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

bench-realtime: $(BUILD)/python $(BUILD)/bench-python $(BUILD)/native $(BUILD)/node-clients $(BUILD)/bench-peers ## Realtime fan-out beside other servers, a quarter of an hour
	@$(PY) -m bench.realtime --plot

unit: $(BUILD)/python    ## The rules and the protocol alone, in seconds
	@scripts/unit

test: $(BUILD)/python $(BUILD)/native $(BUILD)/pages $(BUILD)/patient-mini $(BUILD)/services $(BUILD)/node-clients ## Every test, with real redis, MariaDB and Chromium
	@scripts/test

test-fault: $(BUILD)/python $(BUILD)/services $(BUILD)/node-clients ## T1 to T18 and the other fault tests in their full size (an hour), with what they measured
	@$(PY) -m pytest -q --long -m "sized or acceptance" tests/architecture tests/protocol tests/realtime tests/contract tests/clients tests/fault

check: $(BUILD)/python $(BUILD)/web-packages $(BUILD)/patient-packages lint types schema ## Format, lint, types, import rules, schema drift, catalogue
	@$(PY) -m pytest -q tests/architecture
	@cd web && npm run --silent check
	@cd web/patient && npm run --silent check

lint:
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .

types:
	@.venv/bin/mypy

schema:
	@$(PY) run.py schema --check

format: $(BUILD)/python  ## Put the code into its form
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

lock:                    ## Pin the newest allowed versions, with hashes
	@scripts/lock

clean:                   ## Remove what was built (not your data)
	rm -rf $(BUILD) web/dist web/patient/dist
