# Set up with one command on a fresh Debian or Raspberry Pi OS: `make listen` on a recorder, `make test` on a workstation.
# Options: PYTHON=python3.12 chooses the interpreter; ARGS="..." is passed to `birdedge listen`, pytest or the benchmark.

PYTHON ?= python3
ARGS ?=

.PHONY: help listen demo test test-arm test-wheel bench bench-quick weights lint clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s%s\n", $$1, $$2 }' Makefile

listen: .venv-listen/installed ## install only the recorder part and listen to the microphone, or to a demo without one
	@.venv-listen/bin/birdedge listen --or-demo $(ARGS)

demo: .venv-demo/installed ## show a recorder that listens to the demo in a browser; ARGS="--listen HOST:PORT"
	@mkdir -p build
	@folder=$$(mktemp -d build/demo.XXXX); \
	trap 'kill $$recorder $$companion; wait; rm -rf "$$folder"' EXIT; trap 'exit 0' INT TERM; \
	.venv-demo/bin/birdedge listen --demo --out "$$folder" > /dev/null & recorder=$$!; \
	.venv-demo/bin/birdedge serve "$$folder" $(ARGS) & companion=$$!; wait $$companion

# A fifth of the time is spent waiting, since recorders run in real time: three processes use two processors fully.
test: .venv/installed ## install everything and run all tests
	@.venv/bin/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

test-arm: .venv/installed ## run the tests on emulated ARM processors
	PYTHON=.venv/bin/python bash tests/aarch64/setup.sh
	.venv/bin/python -m pytest -rP tests/aarch64 $(ARGS)

test-wheel: .venv/installed ## test the built wheel with the oldest and the newest versions of its dependencies
	@PYTHON=.venv/bin/python bash tests/wheel.sh $(ARGS)

bench: .venv/installed ## measure everything and write benchmarks/RESULTS.md; ARGS="--data recordings/" also scores
	@.venv/bin/python -m benchmarks $(ARGS)

bench-quick: .venv-listen/installed ## measure in three minutes what a recorder can measure
	@.venv-listen/bin/python -m benchmarks --quick $(ARGS)

weights: $(addprefix runs/,tuned/trained light/trained small/trained open/trained) ## train the networks of the bundled models; DATA=recordings/

# Each network is one training run. An interrupted run continues at its last epoch.
runs/distilled/trained: private learns = --from runs/compact/best.safetensors $(teachers)
runs/light/trained: private learns = --from runs/tuned/best.safetensors --teacher runs/tuned/best.safetensors
runs/small/trained: private learns = $(teachers)
runs/tuned/trained: private learns = --from runs/distilled/best.safetensors
runs/open/trained: private learns = --tier open
runs/distilled/trained: runs/compact/trained
runs/distilled/trained runs/small/trained: runs/teacher/trained runs/teacher-deeplab/trained
runs/tuned/trained: runs/distilled/trained
runs/light/trained: runs/tuned/trained
teachers := --teacher runs/teacher/best.safetensors --teacher runs/teacher-deeplab/best.safetensors
runs/%/trained: | .venv/installed
	.venv/bin/birdedge train $* --data "$(DATA)" $(learns) $(if $(wildcard $(@D)/last.pt),--resume) $(ARGS)
	@touch $@

lint: .venv/installed ## check style and types
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

clean: ## remove the environments and all build outputs
	rm -rf .venv .venv-demo .venv-listen .venv-peers build dist birdedge.egg-info .mypy_cache .pytest_cache .ruff_cache

.venv/installed: extras := [dev]
.venv-demo/installed: extras := [web]
pip = $(@D)/bin/python -m pip install --disable-pip-version-check
# uv installs 200 packages in a quarter of pip's time, but does not read pip's settings.
.venv/installed: installer = $(pip) --quiet uv && UV_FIND_LINKS="$${UV_FIND_LINKS-$$PIP_FIND_LINKS}" $(@D)/bin/python -m uv pip install
.venv-listen/installed .venv-demo/installed: installer = $(pip)

# Editable, so that a change of the source needs no second installation.
.venv/installed .venv-listen/installed .venv-demo/installed: pyproject.toml constraints.txt
	$(require_python)
	"$(PYTHON)" -m venv $(@D)
	$(installer) --constraint constraints.txt --editable '.$(extras)'
	@touch $@

define require_python
@command -v "$(PYTHON)" > /dev/null || { echo 'There is no $(PYTHON); run: sudo apt install python3 python3-venv' >&2; exit 1; }
@"$(PYTHON)" -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"$(PYTHON) is Python {v[0]}.{v[1]}, birdedge \
needs 3.11 or newer: use Debian 12 or later, or name another interpreter, as in: make PYTHON=python3.12 $(MAKECMDGOALS)")'
@"$(PYTHON)" -c 'import sys; sys.maxsize > 2**32 or sys.exit("$(PYTHON) is a 32-bit Python, for which there is no \
onnxruntime: install the 64-bit Raspberry Pi OS")'
@"$(PYTHON)" -c 'import ensurepip' 2> /dev/null || { echo '$(PYTHON) cannot make environments; run: sudo apt install python3-venv' >&2; exit 1; }
endef

.PHONY: docs
docs: .venv/installed ## build the documentation as a site in build/site/
	@.venv/bin/python -m docs.generate.site
