# Pete CRM. `make run` starts the desk, `make test` runs every check and test. See README.md.

PYTHON ?= python3
VENV_PYTHON := .venv/bin/python

.PHONY: run test test-model check format words bench bench-all screenshots lock
.DEFAULT_GOAL := run

run:
	@$(PYTHON) config/bootstrap.py
	@exec $(VENV_PYTHON) -m config.launcher --with-parent

test:
	@$(PYTHON) config/bootstrap.py --dev
	@$(PYTHON) config/browser.py
	@$(MAKE) --no-print-directory check
	@$(VENV_PYTHON) -m pytest -n auto

# Conversations with a real small model, which this fetches first: 330 MB that nothing else needs.
test-model:
	@$(PYTHON) config/bootstrap.py --dev
	@PYTHONPATH=. $(VENV_PYTHON) e2e/real_model/prepare.py
	@$(VENV_PYTHON) -m pytest e2e/real_model -n 0 -s

check:
	@$(PYTHON) config/bootstrap.py --dev --no-front-end
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m mypy
	.venv/bin/lint-imports
	$(VENV_PYTHON) manage.py makemigrations --check --dry-run
	$(VENV_PYTHON) -m djlint templates --lint --quiet

format:
	@$(PYTHON) config/bootstrap.py --dev --no-front-end
	$(VENV_PYTHON) -m ruff format .
	$(VENV_PYTHON) -m ruff check --fix .

bench:
	@$(PYTHON) config/bootstrap.py --dev
	@$(VENV_PYTHON) -m benchmarks
	@$(VENV_PYTHON) -m benchmarks.search
	@$(PYTHON) config/browser.py
	@$(VENV_PYTHON) -m benchmarks.board

# Besides those of `bench`, what takes longer or has no peer to stand beside.
bench-all: bench
	@$(VENV_PYTHON) -m benchmarks.llm
	@$(VENV_PYTHON) -m benchmarks.calendar_sync
	@$(VENV_PYTHON) -m benchmarks.imports
	@$(VENV_PYTHON) -m benchmarks.audit

# Of the desk that `make run` has started; PORT and DATA_DIR say which one.
screenshots:
	@$(PYTHON) config/bootstrap.py --dev
	@$(PYTHON) config/browser.py
	@$(VENV_PYTHON) -m e2e.screenshots

# Bring the translations up to date with the texts of the code. Needs GNU gettext (apt-get install gettext).
words:
	$(VENV_PYTHON) manage.py makemessages --locale es --no-obsolete --no-location --no-wrap \
		--ignore node_modules --ignore .venv --ignore '*/tests/*' --ignore e2e --ignore benchmarks

# Without addresses of the package index, so that the files serve behind any mirror.
PIP_COMPILE := $(VENV_PYTHON) -m piptools compile --quiet --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links
lock:
	@$(PYTHON) config/bootstrap.py --dev --no-front-end
	$(PIP_COMPILE) $(LOCK_OPTIONS) --output-file requirements.txt requirements.in
	$(PIP_COMPILE) $(LOCK_OPTIONS) --output-file requirements-mcp.txt requirements-mcp.in
	$(PIP_COMPILE) $(LOCK_OPTIONS) --allow-unsafe --output-file requirements-dev.txt requirements-dev.in
	npm install --package-lock-only --ignore-scripts
