# Everything a person does here, and everything CI does: the same targets. `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv/bin
PACKAGES := accounts projects clusters registry portal
SOURCES := $(PACKAGES) tests benchmarks examples frontend requirements manage.py

.PHONY: help install install-test up demo test check bench fmt

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## install what running needs into .venv and static/vendor (done by the others too)
	@$(PYTHON) requirements/install.py run

install-test:
	@$(PYTHON) requirements/install.py test

up: install ## start a blank portal; Ctrl-C ends it
	@exec $(VENV)/python manage.py up

demo: install ## start the portal, make a sample tenancy and run the whole loop in it; keeps running
	@exec $(VENV)/python manage.py up --then $(VENV)/python examples/demo.py

test: install-test ## run all tests on the real engines (T=path to run some)
	@exec $(VENV)/python -m pytest $(T)

check: install-test ## format, lint, types, import floors, missing migrations, translations, deployment settings
	$(VENV)/ruff format --check $(SOURCES)
	$(VENV)/ruff check $(SOURCES)
	$(VENV)/python -m compileall -q $(PACKAGES) tests benchmarks
	$(VENV)/lint-imports
	$(VENV)/mypy
	$(VENV)/python -W ignore manage.py makemigrations --check --dry-run
	$(VENV)/python manage.py checktranslations
	.ci/check-deploy

bench: install-test ## measure start, memory and more; docs/performance.md explains the figures
	@for file in benchmarks/[a-z]*.py; do \
	    echo "== $$file"; $(VENV)/python -m "benchmarks.$$(basename $$file .py)" || exit 1; done

fmt: install-test ## format the code and fix what can be fixed
	$(VENV)/ruff format $(SOURCES)
	$(VENV)/ruff check --fix $(SOURCES)
