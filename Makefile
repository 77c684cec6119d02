# The only list of commands. CI runs `make test` (see .ci/run).

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

# Compiled once into .tools, taken again only if the version is this one (docs/adr/0002).
NEXTEST := cargo-nextest 0.9.151 --no-default-features --features default-no-update
DENY := cargo-deny 0.20.2

export PATH := $(CURDIR)/.tools/bin:$(PATH):$(HOME)/.cargo/bin

WHOLE := --workspace --all-features --locked
NEXT := cargo nextest run $(WHOLE)
STAGE := scripts/stage

##@ Use

.PHONY: help
help: ## Print this list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: ## Build and run all of TaskPilot on this machine; options for `taskpilot up` in ARGS="…"
	@$(STAGE) setup scripts/setup run
	@$(STAGE) build cargo build --release --locked --package taskpilot
	@cargo run --quiet --release --locked --package taskpilot -- up --handlers examples/handlers.toml $(ARGS)

##@ Check

# Fast first; the test runner and its summary last.
.PHONY: test
test: setup fmt tidy clippy deny doc doctest test-root test-all ## Everything CI checks, after installing what it takes

.PHONY: fmt
fmt: ## Formatting, as rustfmt would have it (make format rewrites)
	@$(STAGE) fmt cargo fmt --all --check

.PHONY: tidy
tidy: ## The rules of the house that no lint holds
	@$(STAGE) tidy cargo xtask tidy

.PHONY: clippy
clippy: ## Lints, with warnings denied
	@$(STAGE) clippy cargo clippy $(WHOLE) --all-targets -- --deny warnings

.PHONY: deny
deny: cargo-deny ## Layers, duplicates, licences and sources of dependencies, without the network
	@$(STAGE) fetch cargo fetch --locked --quiet
	@$(STAGE) deny cargo deny --offline --locked check -D unmatched-skip -D unnecessary-skip -A unused-wrapper --hide-inclusion-graph bans licenses sources

# Nothing is published: who reads it works on it, and may follow a link to a private item.
.PHONY: doc
doc: ## Documentation of the code, private items too, with warnings denied
	@RUSTDOCFLAGS="--deny warnings --allow rustdoc::private_intra_doc_links" $(STAGE) doc cargo doc $(WHOLE) --no-deps --document-private-items --quiet

.PHONY: doctest
doctest: ## The examples in the API documentation
	@$(STAGE) doctest cargo test $(WHOLE) --doc --quiet

# Tests that need root have `root_only` in their names. An empty selection fails once there is one.
ROOT_TESTS = $(if $(shell git grep --untracked --files-with-matches root_only -- 'crates/*.rs'),fail,warn)

.PHONY: test-root
test-root: nextest ## The tests that need root (control groups, other users)
ifeq ($(shell id -u),0)
	@$(STAGE) test-root $(NEXT) --no-tests=$(ROOT_TESTS) -E "$$(scripts/root-tests)"
else
	@echo '== test-root: left out, because it needs root: sudo make test-root'
endif

.PHONY: test-all
test-all: nextest ## All tests that need no root: unit, conformance, service, worker, end to end
	@$(STAGE) build-tests $(NEXT) --no-run
	@$(NEXT) -E 'not test(root_only)'

.PHONY: test-model
test-model: ## Visit every state of the model within large bounds (minutes); make test has small ones
	@$(STAGE) build-model cargo build --release --locked --package taskpilot-proof
	@$(STAGE) test-model cargo run --quiet --release --locked --package taskpilot-proof

.PHONY: audit
audit: cargo-deny ## Known vulnerabilities of dependencies; needs the advisory database from the network
	@$(STAGE) audit cargo deny --locked check advisories

##@ Measure

.PHONY: bench
bench: ## Measure everything on this machine and write docs/benchmarks; QUICK=--quick for a short form
	@$(STAGE) build cargo build --release --locked --package taskpilot
	@$(STAGE) bench target/release/taskpilot bench all --out docs/benchmarks --dir target $(QUICK)

##@ Keep house

.PHONY: format
format: ## Rewrite the sources as rustfmt would have them
	@cargo fmt --all

.PHONY: docs
docs: ## Write the documents that are generated from the code
	@cargo xtask docs

.PHONY: setup
setup: ## Install what make test takes (root), or print the command that does
	@$(STAGE) setup scripts/setup test

.PHONY: tools nextest cargo-deny
tools: nextest cargo-deny ## Compile the pinned test runner and dependency checker into .tools

nextest:
	@$(STAGE) nextest scripts/tool $(NEXTEST)

cargo-deny:
	@$(STAGE) cargo-deny scripts/tool $(DENY)

.PHONY: clean
clean: ## Remove what was built; .tools stays
	@cargo clean
