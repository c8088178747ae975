# Everything that is typed at this repository. `make demo` and `make test` are enough to begin with.

BIN = $(or $(CARGO_TARGET_DIR),target)/release
export CARGO_TERM_COLOR ?= auto

FUZZ_SECONDS ?= 30
CHAOS_SEED ?= 4
CHAOS_FAULTS ?= 200
CHAOS_POINTS ?= 20

.PHONY: help demo build test unit loom suites lab fuzz full chaos check fmt clippy doc deny bench hop instructions compare \
	prepare miri

help:
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

demo: build ## serve a 1 GiB file and a null disk on 127.0.0.1:3260, until Ctrl-C
	@# Without make in between, Ctrl-C is bulkhead's alone.
	@exec $(BIN)/bulkhead demo

build: ## the binaries, in target/release
	cargo build --release --locked --bins

test: prepare build unit loom suites ## everything that must pass; installs what it needs from Debian when root

prepare:
	@tests/tools/prepare.sh

unit: ## the tests of each crate
	cargo test --workspace --locked --exclude bulkhead-tests $(CARGO_TEST_FLAGS)

loom: ## every interleaving of ring and doorbell
	RUSTFLAGS="--cfg loom" cargo test --release --locked --target-dir target/loom -p ipc --test loom_ring $(CARGO_TEST_FLAGS)

suites: build ## end to end: conformance, login, crash, hostile, lab, tidy
	BULKHEAD_BIN_DIR=$(BIN) cargo test --locked -p bulkhead-tests $(CARGO_TEST_FLAGS)

lab: prepare build ## only the suite in which Linux's own initiator, in a guest, meets the target
	BULKHEAD_BIN_DIR=$(BIN) cargo test --locked -p bulkhead-tests --test lab $(CARGO_TEST_FLAGS)

fuzz: ## every fuzz target for FUZZ_SECONDS (30) each
	tests/fuzz/run.sh $(FUZZ_SECONDS)

full: prepare build ## crash suite, lab and qemu-img at full size: 20 kills a service, images of 1 GiB
	BULKHEAD_BIN_DIR=$(BIN) BULKHEAD_KILLS=20 BULKHEAD_IMAGE_MIB=1024 BULKHEAD_IDLE_SECONDS=10 \
		cargo test --locked -p bulkhead-tests --test conformance --test crash --test lab

chaos: build ## CHAOS_FAULTS (200) of each fault on each process under each workload, by CHAOS_SEED; takes hours
	$(BIN)/bulkhead chaos --seed $(CHAOS_SEED) --faults $(CHAOS_FAULTS) --crash-points $(CHAOS_POINTS) --minutes 1440

check: fmt clippy doc deny ## what must hold before a commit

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@# The fuzz targets are a workspace of their own. With a library of its own to link, libFuzzer is not compiled, and no C++
	@# compiler has to be there.
	CUSTOM_LIBFUZZER_PATH=/nonexistent/libfuzzer.a cargo clippy --manifest-path tests/fuzz/Cargo.toml \
		--target-dir $(or $(CARGO_TARGET_DIR),target) --all-targets --locked -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --document-private-items

deny:
	@tests/tools/deny.sh

miri: ## what Miri can run of ipc; needs a nightly toolchain with it
	MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p ipc --test miri_ring

bench: prepare build ## all benchmarks, beside Debian's tgt (which it installs): a quarter of an hour; writes docs/performance.md
	BULKHEAD_BIN_DIR=$(BIN) tests/bench/run.py --docs

hop:
	cargo bench --locked -p ipc --bench hop

instructions: prepare build ## what a command costs in each process: instructions, allocations, system calls
	BULKHEAD_BIN_DIR=$(BIN) tests/bench/instructions.py

compare: prepare build
	BULKHEAD_BIN_DIR=$(BIN) tests/bench/run.py --parts compare
