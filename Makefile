# The verbs of this repository; `make help` lists them. Each sets up what it needs first.
SHELL := /bin/bash
VENV  := $(or $(PANNIER_VENV),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pannier/venv)
STEP  := scripts/step.sh
# torture: for about TIME seconds; 0: all of it, hours
TIME  ?= 0
SEED  ?= $(shell date +%s)
export SEED

.PHONY: help deps build image tests-built bench-built demo test browser e2e check bench bench-quick torture format clean

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps:  ## install what is missing (apt, pip, npm, go); quick when nothing is
	@scripts/deps.sh

build/build.ninja: | deps
	@$(STEP) configure cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo

build: deps build/build.ninja  ## build/bin/pannierd and build/bin/pannierctl (release, with symbols)
	@$(STEP) build ninja -C build pannierd pannierctl

image: deps build/build.ninja  ## container images as OCI archives in build/images, without a builder
	@$(STEP) build ninja -C build pannierd pannierctl pannier-operator
	@images/make.py

tests-built: deps build/build.ninja
	@$(STEP) build ninja -C build

bench-built: deps build/build.ninja
	@$(STEP) build ninja -C build pannierd pannier-operator pannier_bench pannier_engine

demo: build  ## the main job on real input, in a folder of its own
	@$(VENV)/bin/python scripts/demo.py

test: tests-built  ## every test that needs no cluster
	@scripts/test.sh

browser: build  ## try the Streamlit and FastAPI examples in a headless Chromium, which it installs
	@scripts/deps.sh --browser
	@$(STEP) browser $(VENV)/bin/python tests/browser/run.py

e2e: tests-built  ## tests against a real Kubernetes: its API server, and a node with pods; the first run builds them
	@scripts/e2e.sh

check: tests-built  ## format, lint, clang, sanitizers, fuzzing, Chroma's whole suite
	@scripts/check.sh

bench: bench-built  ## measure beside Chroma and eleven other stores and libraries; writes docs/benchmarks.md
	@$(VENV)/bin/python tests/bench/run_bench.py

bench-quick: bench-built  ## beside Chroma alone, small and short; printed only
	@$(VENV)/bin/python tests/bench/run_bench.py --quick

torture: tests-built bench-built  ## long random runs: crashes, kills, damage; TIME=seconds, SEED=n
	@scripts/torture.sh $(TIME)

format:  ## clang-format all C++ and write the generated pages of docs/
	@git ls-files '*.cc' '*.h' | xargs clang-format-14 -i
	@if [ -x build/bin/pannierd ]; then \
	  build/bin/pannierd --print-config-reference > docs/configuration.md; fi

clean:  ## remove build/
	@rm -rf build
