# make run    everything from scratch: environment, then the whole pipeline on the simulator
# make report   reports/report.html, one page of the run; what is not up to date runs first
# make experiments   the runs of section compare of params.yaml, one after the other
# make comparison    reports/comparison.html from the finished runs
# make test   the tests
# make docs   the documentation, build/docs/index.html; a broken link or reference is an error
# make lint   style, formatting, types and spelling: what git commit checks, after `pre-commit install`
# make notebooks     run the notebooks and write their outputs into them

# Where it is set, as in many containers, every process would compile all that it imports: 3 to 7 s.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3.11
ENV := .venv
ACTIVATE := . $(ENV)/bin/activate &&

.PHONY: setup lock run experiments comparison test test-slow lint format docs notebooks report

setup: $(ENV)/.installed

# uv installs in a quarter of pip's time, from the indexes that pip is configured with; where it
# cannot, pip does. Neither compiles modules, which takes as long as the rest: Python does, at the
# first import.
INSTALL = install --quiet --constraint requirements.lock --editable '.[dev]'

$(ENV)/.installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(ENV)
	$(ENV)/bin/pip install --disable-pip-version-check --quiet --constraint requirements.lock uv
	config="$$($(ENV)/bin/pip config list | sort)"; \
	has() { echo "$$config" | sed -n "s/^.*[.]$$1='\(.*\)'$$/\1/p" | head -1; }; \
	index=$$(has index-url) more=$$(has extra-index-url) links=$$(has find-links) cert=$$(has cert); \
	env VIRTUAL_ENV=$(ENV) $${index:+UV_DEFAULT_INDEX="$$index"} $${more:+UV_INDEX="$$more"} \
	    $${links:+UV_FIND_LINKS="$$links"} $${cert:+SSL_CERT_FILE="$$cert"} \
	    $(ENV)/bin/uv pip --no-config $(INSTALL) --index-strategy unsafe-best-match \
	    || $(ENV)/bin/pip $(INSTALL) --disable-pip-version-check --no-compile
	$(ENV)/bin/python -m psface.report.plots_page .dvc/plots.html
	$(ENV)/bin/dvc config --local plots.html_template plots.html
	touch $@

# Record the exact versions now installed, after an upgrade.
lock: setup
	$(ENV)/bin/pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock

run: setup
	$(ACTIVATE) dvc repro

report: setup
	$(ACTIVATE) dvc repro report

experiments: setup
	$(ACTIVATE) psface experiments

comparison: setup
	$(ACTIVATE) psface compare

test: setup
	$(ACTIVATE) pytest

test-slow: setup
	$(ACTIVATE) pytest -m slow

lint: setup
	$(ACTIVATE) pre-commit run --all-files

format: setup
	$(ACTIVATE) ruff check --fix . && ruff format .

docs: setup
	$(ACTIVATE) sphinx-build -q -E -W -n --keep-going -d build/doctrees docs build/docs
notebooks: setup
	$(ACTIVATE) python notebooks/execute.py
