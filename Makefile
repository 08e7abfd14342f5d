# Needs make and Python 3.11 or newer with venv; pip fetches the rest.
# Another interpreter: make PYTHON=python3.12
PYTHON ?= python3
VENV ?= .venv

export TF_CPP_MIN_LOG_LEVEL ?= 2

RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-fast lint

demo: $(VENV)/.installed
	$(RUN) evaluate.py irl --out runs/demo
	$(RUN) evaluate.py malp --manipulations splice copy_move sticker telea --out runs/demo_malp

test: $(VENV)/.installed-dev
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-fast: $(VENV)/.installed-dev
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

lint: $(VENV)/.installed-dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

$(VENV)/.installed: requirements.txt requirements-library.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": name another one, as in make PYTHON=python3.12")'
	@echo "Installing requirements.txt into $(VENV) (some minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "Installing requirements-dev.txt into $(VENV)"
	@$(INSTALL) -r requirements-dev.txt
	@touch $@
