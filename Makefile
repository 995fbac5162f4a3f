# Everything that is done with this checkout. `make` lists the targets; `.ci/run` calls nothing else.
#
# Needs a Rust toolchain (1.88 or later), a C compiler, make and Python 3.10 or later. Python's tools go into .venv
# inside the checkout, at the versions in py/requirements-*.txt; nothing is installed outside of it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.NOTPARALLEL:

PYTHON ?= python3
CARGO ?= cargo
# Where Cargo puts what it builds.
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
VENV := $(CURDIR)/.venv
VENV_PYTHON := $(VENV)/bin/python

# What a machine says about certificates and proxies must not decide a test or a demo on loopback.
CLEAN_ENVIRONMENT := env -u REQUESTS_CA_BUNDLE -u CURL_CA_BUNDLE -u SSL_CERT_FILE -u SSL_CERT_DIR -u NETRC \
    -u http_proxy -u https_proxy -u all_proxy -u no_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY -u NO_PROXY

# The wheel is another build of the same crates, by maturin.
RUST_CRATES := --workspace --exclude entreat-py
# Warnings of a compiler that we have not met must not fail a build that works: they count from this one only.
LINTS_OF := 1.95
DENY_WARNINGS = $(if $(findstring rustc $(LINTS_OF).,$(shell rustc --version)),-- -D warnings)
# One wheel serves CPython 3.11 and all later ones; 3.10 gets its own.
ABI3 = $(shell $(VENV_PYTHON) -c 'import sys; print("--features abi3" if sys.version_info >= (3, 11) else "")')

##@ To see it and to prove it

.PHONY: demo
demo: release wheel ## The main job from Python, from Rust and as a command. URL=http://... runs it there
	@$(VENV_PYTHON) -m pip install --quiet --no-deps --upgrade --target $(TARGET)/demo $(WHEEL)
	@$(if $(URL),,$(CLEAN_ENVIRONMENT)) PYTHONPATH=$(TARGET)/demo $(VENV_PYTHON) -B examples/demo.py --binaries $(TARGET)/release $(if $(URL),--url "$(URL)")

.PHONY: test
test: lint test-rust test-python ## Everything that proves the project: lints, the wall, Rust's tests, Python's tests

.PHONY: bench
bench: bench-sync bench-async ## Both of these: ratios. BENCH="--only x" for some

.PHONY: bench-sync
bench-sync: bench-programs wheel ## One request after another: requests, urllib3, pycurl, ureq, bare sockets
	@$(VENV_PYTHON) benches/run.py --binaries $(TARGET)/release --wheel $(WHEEL) $(BENCH)

.PHONY: bench-async
bench-async: bench-programs wheel ## 1 to 1024 at once: aiohttp, httpx, pyreqwest, niquests, treq, a bare Protocol
	@$(VENV_PYTHON) benches/run_async.py --binaries $(TARGET)/release --wheel $(WHEEL) $(BENCH)

.PHONY: bench-instructions
bench-instructions: bench-programs wheel ## Instructions for each request, by callgrind: they repeat. BENCH=--check compares
	@$(VENV_PYTHON) benches/instructions.py --binaries $(TARGET)/release --wheel $(WHEEL) $(BENCH)

.PHONY: crowd
crowd: toolchain ## 10,000 tasks over 100 connections, and 10,000 connections: time, memory, limits
	@$(CARGO) run --quiet --locked --release --package entreat --features aio --example crowd

.PHONY: deadlines
deadlines: toolchain ## How late each time-out is noticed, whatever the peer does
	@$(CARGO) run --quiet --locked --release --package entreat --features aio,nested --example deadlines

# Without --locked: the benchmark's own lock follows what the client needs.
.PHONY: bench-programs
bench-programs: release
	@$(CARGO) build --quiet --locked --release --package entreat-core --example parse_head
	@$(CARGO) build --quiet --release --manifest-path benches/rust/Cargo.toml --target-dir $(TARGET)

.PHONY: fuzz
fuzz: ## Fuzz each parser for FUZZ_SECONDS (30)
	@fuzz/run.sh $(or $(FUZZ_SECONDS),30)

.PHONY: soak
soak: toolchain ## A million requests with a fault every 50th: no wrong answer, nothing grows. SOAK="COUNT THREADS"
	@$(CARGO) build --quiet --locked --release --package entreat --example soak
	@$(CLEAN_ENVIRONMENT) $(TARGET)/release/examples/soak $(SOAK)

.PHONY: conformance
conformance: develop-release ## requests' own suite, and programs compared with the real requests, one by one
	@$(VENV_PYTHON) conformance/run_requests.py --lane default --lane open
	@$(VENV_PYTHON) conformance/run_differential.py
	@$(VENV_PYTHON) conformance/run_wrappers.py

.PHONY: conformance-dependents
conformance-dependents: develop-release ## The suites of packages built on requests. DEPENDENTS="name name" for some
	@$(VENV_PYTHON) conformance/run_dependents.py $(DEPENDENTS)

##@ To work on it

.PHONY: fmt
fmt: venv-dev ## Format Rust and Python
	$(CARGO) fmt --all
	$(VENV)/bin/ruff check --quiet --fix-only .
	$(VENV)/bin/ruff format --quiet .

.PHONY: lint
lint: toolchain venv-dev wall ## Formatting and lints, of Rust and Python
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked $(RUST_CRATES) --all-targets --all-features $(DENY_WARNINGS)
	PYO3_PYTHON=$(VENV_PYTHON) $(CARGO) clippy --locked --package entreat-py $(ABI3) $(DENY_WARNINGS)
	$(CARGO) clippy --locked --package entreat --no-default-features $(DENY_WARNINGS)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

# Clippy refuses clocks, sockets and files in core by its own clippy.toml; here, what could bring them in unseen.
.PHONY: wall
wall: toolchain ## The crate that decides depends on nothing that does I/O, the blocking face on no runtime
	@if $(CARGO) tree --locked --package entreat-core --all-features --edges normal --prefix none \
	    | grep -E '^(tokio|mio|polling|socket2|rustix|async-io|rustls|getrandom) '; then \
	    echo 'core must decide only: the crates above do I/O' >&2; exit 1; fi
	@if $(CARGO) tree --locked --package entreat --features brotli,zstd,psl,http,tracing --edges normal --prefix none \
	    | grep -E '^(tokio|mio|async-std|smol|futures-executor) '; then \
	    echo 'the blocking face must pull in no runtime: see the crates above' >&2; exit 1; fi

.PHONY: test-rust
test-rust: toolchain ## Rust's unit, integration and doc tests
	@for proxy in tinyproxy microsocks haproxy; do PATH="$$PATH:/usr/sbin:/usr/local/sbin" command -v $$proxy >/dev/null || \
	    echo "skipped: what needs $$proxy (apt-get install tinyproxy-bin microsocks haproxy)"; done
ifeq ($(shell command -v cargo-nextest),)
	$(CLEAN_ENVIRONMENT) $(CARGO) test --locked $(RUST_CRATES) --all-features --all-targets
else
	$(CLEAN_ENVIRONMENT) $(CARGO) nextest run --locked $(RUST_CRATES) --all-features --all-targets
endif
	$(CARGO) test --locked $(RUST_CRATES) --all-features --doc

# In two processes: the tests wait as long as they compute.
.PHONY: test-python
test-python: develop venv-dev ## Python's tests, against the testkit's origin
	$(CARGO) build --locked --package entreat-testkit --bins
	$(CLEAN_ENVIRONMENT) ENTREAT_ORIGIN=$(TARGET)/debug/entreat-origin $(VENV_PYTHON) -m pytest py/tests --numprocesses 2 $(PYTEST)

.PHONY: develop
develop: venv-dev ## Build the Python package into .venv, importing from py/python
	cd py && VIRTUAL_ENV=$(VENV) $(VENV)/bin/maturin develop --quiet --locked $(ABI3)

# The same at full speed, for what measures or compares.
.PHONY: develop-release
develop-release: venv-dev
	cd py && VIRTUAL_ENV=$(VENV) $(VENV)/bin/maturin develop --quiet --locked --release $(ABI3)

# docs/config.md is among what this is built from: it is replaced once all of the new one is there.
.PHONY: config-table
config-table: toolchain ## Write the tables of docs/config.md out of the documentation of the knobs
	@$(CARGO) run --quiet --locked --package entreat-core --example config_table >$(TARGET)/config.md
	@mv $(TARGET)/config.md docs/config.md

.PHONY: docs
docs: toolchain ## The Rust crate's documentation, in target/doc
	$(CARGO) doc --locked --no-deps --package entreat --package entreat-core --all-features

.PHONY: deny
deny: ## Licences and advisories of every dependency, by cargo-deny where it is installed
	@command -v cargo-deny >/dev/null || { echo 'install cargo-deny first: cargo install cargo-deny --locked' >&2; exit 1; }
	$(CARGO) deny check

##@ To build it

WHEEL = $(shell ls -t $(TARGET)/wheels/entreat-*.whl 2>/dev/null | head -n 1)

.PHONY: wheel
wheel: toolchain venv ## The Python wheel, in target/wheels
	cd py && $(VENV)/bin/maturin build --quiet --locked --release $(ABI3) --interpreter $(VENV_PYTHON) --out $(TARGET)/wheels

.PHONY: release
release: toolchain ## The command, the example and the testkit's origins, in target/release
	$(CARGO) build --quiet --locked --release --package entreat --package entreat-cli --package entreat-testkit --bins --example main_job

.PHONY: venv
venv: $(VENV)/ready-build

.PHONY: venv-dev
venv-dev: $(VENV)/ready-dev

$(VENV)/ready-build: py/requirements-build.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	    echo 'Python 3.10 or later is needed: make PYTHON=/path/to/python3 ...' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { \
	    echo 'Python lacks its module venv; on Debian: apt install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(VENV)/ready-dev: py/requirements-dev.txt py/tests/requirements-httpbin.txt $(VENV)/ready-build
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.PHONY: toolchain
toolchain:
	@command -v $(CARGO) >/dev/null || { echo 'Rust is needed: see https://rustup.rs' >&2; exit 1; }

.PHONY: clean
clean: ## Remove what was built, and .venv
	$(CARGO) clean
	rm -rf $(VENV)

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## " } \
	    /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  make %-24s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
