# The front door. `make` alone lists what there is.
#
#   make demo                      a demo company on http://127.0.0.1:8700
#   make demo LOCALE=zh-CN         the Chinese edition
#   make demo PORT=9000 DATA=dir   another port, another folder
#   make test                      the tests

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo build test test-long e2e web-test check lint gen gen-check api-test bench release fresh-clone pictures

LOCALE ?= en
PORT ?= 8700
DATA ?=
BINARY := $(or $(CARGO_TARGET_DIR),target)/release/trivet

help:            ## This list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo:            ## A demo company in the browser (LOCALE=en|zh-CN, PORT=8700, DATA=folder)
	@bash scripts/demo.sh "$(BINARY)" "$(LOCALE)" "$(PORT)" "$(DATA)"

build:           ## The release binary
	@bash scripts/build.sh

test: build      ## The tests: Rust on SQLite and PostgreSQL, scripts, browser (installs what tests need)
	@bash scripts/test.sh "$(BINARY)"

test-long: build ## Deep tests in large numbers, for nights (PARTS="rust crash backup api browser"; docs/test-plan.md)
	@bash scripts/test-long.sh "$(BINARY)"

e2e: build       ## Only the browser tests, against a demo company of their own
	@bash scripts/e2e.sh "$(BINARY)"

web-test:        ## Only the tests of scripts and styles on the sample pages
	@bash scripts/web-test.sh

lint:            ## Formatting and clippy, warnings denied
	@bash scripts/lint.sh

check: lint      ## lint, dependencies, types, both languages, slice arrows, generated files current
	@bash scripts/check.sh
	@$(MAKE) --no-print-directory gen-check

gen: build       ## Writes the generated files anew
	@bash scripts/gen.sh "$(BINARY)"

gen-check: gen
	@bash scripts/gen-check.sh

api-test: build  ## Random calls of the API by five roles against its own document (EXAMPLES=50; installs schemathesis)
	@bash scripts/schemathesis.sh

bench: build     ## Speed on generated data, SQLite and PostgreSQL (takes long; ARGS=--small: a quick look)
	@bash bench/run.sh "$(BINARY)" $(ARGS)

pictures: build  ## Takes the pictures of the README anew (docs/pictures)
	@bash scripts/pictures.sh "$(BINARY)"

release:         ## dist/trivet-VERSION-PLATFORM.tar.gz with check sum
	@bash scripts/release.sh

fresh-clone:     ## Runs .ci/run in a fresh clone of the last commit, as a new machine would
	@bash scripts/fresh-clone.sh
