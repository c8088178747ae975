#!/bin/bash
# Fuzzes every target for SECONDS (30) each, guided by coverage, on stable Rust: libFuzzer brings its own runtime, and the
# instrumentation that it reads is a pass of LLVM's which needs no nightly compiler. Needs a C++ compiler. What is found
# is written to the folder of the corpus, target/fuzz/corpus/TARGET, and the run fails.
#
#   run.sh [SECONDS] [TARGET...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
seconds=${1:-30}
shift || true
target=${CARGO_TARGET_DIR:-$root/target}/fuzz
skip() {
    echo "fuzz: SKIPPED, $1"
    exit 0
}
command -v c++ >/dev/null || skip "there is no C++ compiler: apt-get install g++"
mkdir -p "$target"
echo '#include <vector>' | c++ -std=c++17 -x c++ -fsyntax-only - 2>"$target/build.log" ||
    skip "the C++ compiler has no standard library: $(head -1 "$target/build.log")"

flags="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    flags="$flags -Cllvm-args=-sanitizer-coverage-$option"
done
# What is emitted is thrown away: only the pass of LLVM's has to be there.
# shellcheck disable=SC2086
echo 'pub fn f() {}' | rustc $flags --crate-type lib --emit=obj -o "$target/probe.o" - 2>"$target/build.log" ||
    skip "this Rust cannot instrument: $(head -1 "$target/build.log")"
# With --target, build scripts are not instrumented.
host=$(rustc -vV | awk '/^host:/ { print $2 }')
if ! RUSTFLAGS=$flags cargo build --release --locked --quiet --manifest-path "$here/Cargo.toml" --target "$host" \
    --target-dir "$target" 2>"$target/build.log"; then
    tail -40 "$target/build.log"
    # Our own code has to compile; libFuzzer's is the machine's affair.
    ! grep -q 'custom build command for `libfuzzer-sys' "$target/build.log" || skip "libFuzzer cannot be built here, see above"
    exit 1
fi

status=0
for source in "$here"/targets/*.rs; do
    name=$(basename "$source" .rs)
    if [ $# != 0 ] && ! printf '%s\n' "$@" | grep -qx "$name"; then
        continue
    fi
    corpus=$target/corpus/$name
    mkdir -p "$corpus"
    log=$target/$name.log
    if "$target/$host/release/$name" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024 -verbosity=1 \
        -print_final_stats=1 -artifact_prefix="$corpus/" "$corpus" >"$log" 2>&1; then
        awk -v name="$name" '/^stat::number_of_executed_units/ { runs = $2 } / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
            END { printf "fuzz: %-16s %10d runs, %5d edges, nothing found\n", name, runs, cov }' "$log"
    else
        echo "fuzz: $name FAILED"
        grep -v '^#' "$log" | tail -40
        status=1
    fi
done
exit "$status"
