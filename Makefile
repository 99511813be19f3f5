# Hanmaru. `make run` opens the house, `make test` proves it. Needs Python 3.11+ and Node 20+, no root.

NEW := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '$(NEW)' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
UV := $(shell command -v uv || ls $(BIN)/uv 2>/dev/null)
INSTALL := $(if $(UV),$(UV) pip install --quiet --compile-bytecode --python $(PY),$(PY) -m pip install -qq --disable-pip-version-check)
NPM := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
NODE20 := node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' 2>/dev/null
CATALOGS := $(wildcard templates/locale/*/LC_MESSAGES/*.po)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test check docs format constraints messages build clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */  make \1\t/' | expand -t 20

run: $(VENV)/.run node_modules/.run build catalogs  ## everything that is needed, and the server
	@$(PY) -m compileall -q wsgi.py contact channels campaigns board
	@exec $(PY) wsgi.py

test: $(VENV)/.dev node_modules/.dev build catalogs  ## everything the tests need, and the tests (ARGS="-k name")
	@$(PY) -m compileall -q wsgi.py contact channels campaigns board
	@env -u PYTHONDONTWRITEBYTECODE $(PY) -m pytest -n auto --dist loadgroup --no-loadscope-reorder $(ARGS)

check: $(VENV)/.dev node_modules/.dev  ## format, lint, types, imports: Python and TypeScript
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	npm run --silent check

docs: $(VENV)/.run  ## write docs/settings.md from the code
	@$(PY) -m contact.ops.page > docs/settings.md

format: $(VENV)/.dev  ## put everything in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints: $(VENV)/.dev  ## write constraints.txt anew from the requirements
	$(or $(UV),$(error constraints needs uv)) pip compile --quiet requirements-dev.txt -o constraints.txt \
		--no-annotate --no-header --universal --python-version 3.11
	@sed -i '1i # Everything that is installed, to the last package: `make constraints` writes it.' constraints.txt

messages: $(VENV)/.dev  ## collect sentences for translation into templates/locale/ko
	$(BIN)/pybabel -q extract -F babel.cfg -k lazy_gettext -k N_ --no-wrap --sort-by-file --omit-header -o build/messages.pot .
	$(BIN)/pybabel -q update -i build/messages.pot -d templates/locale -l ko --no-wrap --omit-header --no-fuzzy-matching

build: node_modules/.run  ## bundle the browser code that is older than its sources
	@node build.mjs

.PHONY: catalogs
catalogs: $(CATALOGS:.po=.mo)

%.mo: %.po $(VENV)/.run
	@$(BIN)/pybabel -q compile -i $< -o $@ 2>&1 | grep -v ^compiling || true

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Hanmaru needs Python 3.11 or newer."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing Python packages ..."
	@$(INSTALL) -r requirements.txt -c constraints.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@echo "Installing Python packages for the tests ..."
	@$(INSTALL) -r requirements-dev.txt -c constraints.txt
	@touch $@

node_modules/.run: package-lock.json
	@$(NODE20) || { echo "Hanmaru needs Node 20 or newer."; exit 1; }
	@echo "Installing browser packages ..."
	@$(NPM) --omit=dev
	@touch $@

node_modules/.dev: package-lock.json
	@$(NODE20) || { echo "Hanmaru needs Node 20 or newer."; exit 1; }
	@echo "Installing browser packages for the tests ..."
	@$(NPM)
	@touch $@ node_modules/.run

clean:  ## remove what was built; never data/
	rm -rf $(VENV) node_modules build board/static/dist contact/desk/static/dist channels/chat/static/dist
	find templates -name '*.mo' -delete
