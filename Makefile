# Two commands do everything on a machine with Python 3.11, pip, git and make: `make demo`, `make test`.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
RAY_INSTALLED := .venv-ray/.installed
PEERS_INSTALLED := .venv-peers/.installed
VISION_INSTALLED := .venv-vision/.installed
TIMM_INSTALLED := .venv-timm/.installed

.PHONY: demo test check bench bench-ray test-browser test-ray test-vision test-peers test-timm test-qwen test-kill lock clean

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

# Ray is an extra: it has an environment of its own, the lock's packages and four more
$(RAY_INSTALLED): requirements-ray.lock pyproject.toml
	test -x .venv-ray/bin/python || $(PYTHON) -m venv .venv-ray
	.venv-ray/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-ray.lock
	.venv-ray/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

test-ray: $(RAY_INSTALLED)
	.venv-ray/bin/python -m pytest -m ray tests/engine

# torch comes first and by itself: its builds differ by machine, so no lock can hold its hash
$(VISION_INSTALLED): requirements-vision.lock pyproject.toml
	test -x .venv-vision/bin/python || $(PYTHON) -m venv .venv-vision
	.venv-vision/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	.venv-vision/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-vision.lock
	.venv-vision/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

test-vision: $(VISION_INSTALLED)
	.venv-vision/bin/python -m pytest -m vision tests/benchmark/embed tests/evaluation/providers tests/evaluation/test_local_models.py

# timm needs torchvision, and that a torch of several GB: not part of what runs on every change
$(TIMM_INSTALLED): requirements-vision.lock pyproject.toml
	test -x .venv-timm/bin/python || $(PYTHON) -m venv .venv-timm
	.venv-timm/bin/python -m pip install --quiet --disable-pip-version-check torch==2.14.1 torchvision==0.29.1
	.venv-timm/bin/python -m pip install --quiet --disable-pip-version-check timm==1.0.31
	.venv-timm/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-vision.lock
	.venv-timm/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

test-timm test-qwen: $(TIMM_INSTALLED)
	.venv-timm/bin/python -m pytest -m timm tests/benchmark/embed tests/evaluation/providers

# other harnesses and loaders read what we export; lmms-eval alone needs about 150 packages
$(PEERS_INSTALLED): requirements-peers.lock pyproject.toml
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-peers.lock
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

test-peers: $(PEERS_INSTALLED)
	.venv-peers/bin/python -m pytest -m peers tests/peers

bench-ray: $(RAY_INSTALLED)
	.venv-ray/bin/python benchmarks/bench_engine.py

# fifty runs killed at random moments: minutes, so not part of `make test`
test-kill: $(INSTALLED)
	$(BIN)/python benchmarks/bench_kill.py

bench: $(INSTALLED)
	$(BIN)/python benchmarks/run.py

lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet uv
	.venv-lock/bin/uv pip compile pyproject.toml --extra dev --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements.lock
	.venv-lock/bin/uv pip compile pyproject.toml --extra dev --extra ray --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet \
		-c requirements.lock -o requirements-ray.lock
	.venv-lock/bin/uv pip compile pyproject.toml requirements-vision.in --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet \
		-c requirements.lock -o requirements-vision.lock
	.venv-lock/bin/uv pip compile pyproject.toml requirements-peers.in --override requirements-peers.override \
		--universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet \
		-c requirements.lock -o requirements-peers.lock
	rm -rf .venv-lock

clean:
	rm -rf .venv .venv-ray .venv-vision .venv-timm .venv-peers demo build dist bench-out
