# Penstock's commands: `make help` lists them. Each brings along what it needs.

SWIFT ?= swift
export SWIFT

# Where the stamps live that keep a second `make` from asking for packages again.
stamps := .build/stamps
release := --configuration release --static-swift-stdlib
binary := .build/release/penstock
dpkg_status := $(wildcard /var/lib/dpkg/status)

.DEFAULT_GOAL := help
.PHONY: help run build test test-thread crash lint bench format reference fuzz toolchain

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

run: build ## build, then collect this machine's own logs and serve them (Ctrl-C stops; ARGS="…" are passed on)
	@.ci/sample .build/sample.log
	$(binary) run pipelines/quickstart.yaml $(ARGS)

build: toolchain ## build the release binary, .build/release/penstock
	$(SWIFT) build $(release) --product penstock

# The tests from outside run by themselves: they wait for programs, and would hold the threads that unit tests need.
test: build $(stamps)/packages-test ## run every test: units, then the release binary with stock clients
	$(SWIFT) build $(release) --product AllocationCounter
	$(SWIFT) build $(release) --product SyncGate
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --disable-xctest --skip EndToEndTests
	PENSTOCK_BINARY=$(CURDIR)/$(binary) $(SWIFT) test --skip-build --disable-xctest --filter EndToEndTests

# The long enumerations of crashes and damage run on one thread, where there is nothing for it to find.
test-thread: toolchain ## run the unit tests under thread sanitizer (a build of its own)
	$(SWIFT) build --build-tests --sanitize=thread --scratch-path .build-thread
	TSAN_OPTIONS=halt_on_error=1 PENSTOCK_HISTORIES=200 $(SWIFT) test --skip-build --disable-xctest --sanitize=thread \
	    --scratch-path .build-thread \
	    --skip 'EndToEndTests|FaultTests|CompactionHistoryTests|BitFlipTests|RuleTests'

crash: build $(stamps)/packages-test ## kill -9 again and again while 1 GB is collected and clients append, then compare all
	$(SWIFT) build --build-tests
	PENSTOCK_BINARY=$(CURDIR)/$(binary) PENSTOCK_CRASH_MEGABYTES=1024 PENSTOCK_CRASH_KILLS=20 \
	    PENSTOCK_KILL_CYCLES=500 $(SWIFT) test --skip-build --disable-xctest --filter 'CrashTests|KillTests'

fuzz: toolchain ## feed what reads files and frames bytes that nobody wrote: SECONDS=60, SEED=…, under libFuzzer
	PENSTOCK_FUZZ=1 $(SWIFT) build --configuration release --sanitize=fuzzer --product Fuzz --scratch-path .build-fuzz
	mkdir -p .build-fuzz/corpus
	SWIFT_BACKTRACE=enable=no PENSTOCK_FUZZ_SEEDS=.build-fuzz/corpus \
	    .build-fuzz/release/Fuzz -max_total_time=$(or $(SECONDS),60) -seed=$(or $(SEED),0) -max_len=4096 -timeout=20 \
	    -rss_limit_mb=2048 -malloc_limit_mb=512 -artifact_prefix=.build-fuzz/ .build-fuzz/corpus || { \
	    echo "The input stands in .build-fuzz (crash-…, timeout-… or oom-…, as libFuzzer says above)." \
	        "To see it again: .build-fuzz/release/Fuzz .build-fuzz/NAME" >&2; exit 1; }

lint: toolchain $(stamps)/packages-test ## check the format, the imports against the target graph, and the documents
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests
	$(SWIFT) package describe --type json >.build/graph.json
	python3 .ci/imports.py <.build/graph.json
	python3 .ci/documents.py

format: toolchain ## put the sources into the house's format
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

reference: build ## write docs/reference.md anew: every component and its options
	{ echo '# Components and their options'; echo; echo '`make reference` writes this page from what the files are read by.'; \
	    echo; $(binary) reference; } >docs/reference.md

bench: build $(stamps)/packages-test ## measure collecting against `lz4 -1`, memory, latency, and the log against `dd` and `cat`
	$(SWIFT) build $(release) --product LogBenchmark
	python3 Tests/Benchmarks/bench.py $(ARGS)

# Is Swift there at all? Then the packages it needs; then, does it start, and is it new enough?
toolchain: $(stamps)/packages-build
	@.ci/toolchain

$(stamps)/packages-build: .ci/packages .ci/prepare $(dpkg_status)
	@.ci/toolchain present
	@.ci/prepare toolchain build
	@mkdir -p $(stamps) && touch $@

$(stamps)/packages-test: .ci/packages .ci/prepare $(dpkg_status)
	@.ci/prepare test
	@mkdir -p $(stamps) && touch $@
