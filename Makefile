# The front door; `make help` tells what there is. CMake does the work, its build folders are build/PRESET.
# CMAKE_FLAGS adds to the configuration (CMAKE_FLAGS=-DKVC_WERROR=ON), JOBS limits the compile jobs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
CMAKE_FLAGS ?=

# $(call compile,PRESET[,TARGETS]): configures once (ninja configures again when that is needed) and builds, all of it or
# what the build preset TARGETS names.
compile = { [ -f build/$(1)/build.ninja ] && [ "$$(cat build/$(1)/flags 2> /dev/null)" = "$(CMAKE_FLAGS)" ] || \
	{ cmake --fresh --preset $(1) $(CMAKE_FLAGS) && echo "$(CMAKE_FLAGS)" > build/$(1)/flags; }; } && \
	cmake --build --preset $(or $(2),$(1)) -j $(JOBS)

.PHONY: help
help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: deps-build llama ## install what is missing and build the program: build/bin/kvcompress
	@$(call compile,release)

.PHONY: demo
demo: build model ## read a long document with the full cache and compressed, side by side
	@scripts/demo.sh

.PHONY: test
test: deps-test llama ## build, and run every test
	@$(call compile,release)
	@scripts/get-model.sh > /dev/null
	@ctest --preset release

.PHONY: bench
bench: deps-test llama model ## build, and run the programs in benchmarks/ one after the other
	@$(call compile,release)
	@scripts/bench.sh

.PHONY: lint
lint: deps-check llama ## check format, ladder, file sizes, links and clang-tidy
	@$(call compile,release)
	@scripts/lint.sh

.PHONY: format
format: deps-check ## format all sources in place
	@scripts/sources.sh | xargs clang-format-14 -i

.PHONY: asan
asan: deps-check llama ## run the fast tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(call compile,asan)
	@ctest --preset asan

.PHONY: neon
neon: deps-check ## cross-compile the kernels for 64-bit ARM, and test them under qemu
	@$(call compile,neon)
	@ctest --preset neon

.PHONY: fuzz
fuzz: deps-check llama ## read mutated models and recipes for a minute (FUZZ_SECONDS)
	@$(call compile,asan,fuzz)
	@scripts/fuzz.sh

.PHONY: docs
docs: build ## write the generated pages of docs/ again
	@scripts/make-docs.sh

.PHONY: install
install: build ## install program, library and headers below PREFIX (/usr/local)
	@cmake --install build/release --prefix $(PREFIX)

.PHONY: clean
clean: ## remove build/ (downloads and models in ~/.cache/kvcompress stay)
	@rm -rf build

.PHONY: deps-build deps-test deps-check llama model
deps-build deps-test deps-check:
	@scripts/install-deps.sh $(patsubst deps-%,%,$@)
llama: deps-build
	@scripts/get-llama.sh > /dev/null
model: deps-build
	@scripts/get-model.sh > /dev/null
