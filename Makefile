# Two commands do everything on a machine with Python 3.11, pip, git and make: `make demo`, `make test`.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test check bench test-browser lock clean

$(INSTALLED): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

demo: $(INSTALLED)
	$(BIN)/spinebench demo --out demo

test: $(INSTALLED)
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/check_licences.py

# needs Chromium: apt-get install chromium, or SPINEBENCH_CHROMIUM=/path/to/chrome
test-browser: $(INSTALLED)
	$(BIN)/python -m pytest -m browser tests/browser

bench: $(INSTALLED)
	$(BIN)/python benchmarks/run.py

lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet uv
	.venv-lock/bin/uv pip compile pyproject.toml --extra dev --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements.lock
	rm -rf .venv-lock

clean:
	rm -rf .venv demo build dist bench-out
