# The words a person types. Meson does the work; these call it.

BUILD   ?= build
RELEASE ?= build-release
DATA    ?= build/demo
SECONDS ?= 10
export LC_ALL = C

.PHONY: all run test quick lint san torture tsan fuzz sim bench cover release install format manual packages clean

# Builds build/tandem; installs nothing.
all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@tools/have-build-tools
	@meson setup $(BUILD) >/dev/null

# Installs what is missing, builds, runs the whole system and shows it at work until Ctrl-C.
run:
	@tools/install-packages build run
	@$(MAKE) --no-print-directory all
	@exec $(BUILD)/tandem up --demo --data $(DATA)

# Installs what is missing, builds, runs every test. Last line: N passed, N failed.
test:
	@tools/install-packages build run test check
	@$(MAKE) --no-print-directory all
	@tools/run-tests $(BUILD)

# The unit tests and scenarios alone, for before every commit.
quick: all
	@meson test -C $(BUILD) --no-rebuild --print-errorlogs

sim: all
	@meson test -C $(BUILD) --no-rebuild --suite sim --print-errorlogs

# Judges what the tree says now: an old program would compare old pages.
lint: all
	@tools/lint $(BUILD)

# All tests under AddressSanitizer and UndefinedBehaviorSanitizer; the threaded ones under ThreadSanitizer
# (warnings are no errors there: what the sanitizers insert makes gcc see overreads where none are).
san:
	@tools/install-packages build check
	@[ -d build-san ] || meson setup build-san -Dwerror=false -Db_sanitize=address,undefined -Db_lundef=false --buildtype=debugoptimized >/dev/null
	@ninja -C build-san
	@UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 meson test -C build-san --no-rebuild --print-errorlogs -t 4

# A million broken messages over each of UDP, TCP and TLS against the server with sanitizers, and again against the usual one, to
# see its memory; make test runs some thousand.
torture: all
	@tools/install-packages build test check
	@[ -d build-san ] || meson setup build-san -Dwerror=false -Db_sanitize=address,undefined -Db_lundef=false --buildtype=debugoptimized >/dev/null
	@ninja -C build-san tandem
	@tools/run-torture build-san
	@tools/run-torture $(BUILD)

tsan:
	@tools/install-packages build check
	@[ -d build-tsan ] || meson setup build-tsan -Dwerror=false -Db_sanitize=thread -Db_lundef=false >/dev/null
	@ninja -C build-tsan
	@TSAN_OPTIONS=halt_on_error=1 meson test -C build-tsan --no-rebuild --print-errorlogs -t 10 --suite io --suite sim

# Every fuzz target for SECONDS each (libFuzzer), starting from the corpora under test/corpus.
fuzz:
	@tools/install-packages build check
	@[ -d build-fuzz ] || CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false >/dev/null
	@ninja -C build-fuzz
	@tools/run-fuzz build-fuzz $(SECONDS)

# As it is installed: -O3, optimised across files. A minute to link, so nothing else is built that way (docs/decisions/speed.md).
release: $(RELEASE)/build.ninja
	@ninja -C $(RELEASE) tandem

$(RELEASE)/build.ninja:
	@tools/have-build-tools
	@meson setup $(RELEASE) --buildtype=release -Db_lto=true >/dev/null

# Side by side with the programs a user would pick instead.
bench:
	@tools/install-packages build run test bench
	@$(MAKE) --no-print-directory $(RELEASE)/build.ninja
	@ninja -C $(RELEASE)
	@bench/run $(RELEASE)

cover:
	@tools/install-packages build check
	@[ -d build-cover ] || meson setup build-cover -Db_coverage=true >/dev/null
	@ninja -C build-cover
	@meson test -C build-cover --no-rebuild >/dev/null || true
	@gcovr --root . --object-directory build-cover --filter src/ --exclude '.*_(test|bench|fuzz)\.c' --sort-percentage

install: release
	@meson install -C $(RELEASE) --no-rebuild

format:
	@clang-format -i $$(git ls-files '*.c' '*.h')

# The manual page is made from the settings tables; `make lint` says when it is behind.
manual: all
	@$(BUILD)/tandem help --man > docs/man/tandem.1
	@$(BUILD)/tandem help --metrics > docs/metrics.md

packages:
	@tools/install-packages build run test check bench

clean:
	@rm -rf build build-clang build-san build-tsan build-fuzz build-release build-cover
