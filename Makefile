# `make demo` and `make test` need Python 3.11 to 3.13 and nothing else: both make their own virtual environment. `make test-web` needs Chromium too.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-web clean

demo: $(VENV)/.installed
	$(BIN)/car-recog demo

test: $(VENV)/.installed
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/check

test-web: $(VENV)/.installed
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/check-web

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) site build dist
