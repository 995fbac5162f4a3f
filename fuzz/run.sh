#!/bin/sh
# Builds the fuzz targets and runs each for so many seconds (default 30); the first crash ends the run.
#
# usage: fuzz/run.sh [SECONDS] [TARGET...]
#
# Needs no cargo-fuzz and no nightly toolchain: the flags below are those that cargo-fuzz gives, and
# RUSTC_BOOTSTRAP lets a stable compiler take them. AddressSanitizer watches the unsafe code of dependencies;
# SANITIZER= turns it off. New inputs go to fuzz/corpus, crashing ones to fuzz/artifacts; a crash that was mended
# leaves its input in fuzz/seeds.
set -eu

cd "$(dirname "$0")"
seconds=${1:-30}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- head chunked content headers url proxies fields identity

host=$(rustc -vV | sed -n 's/^host: //p')
sanitizer=${SANITIZER-address}
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
 -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 ${sanitizer:+-Zsanitizer=$sanitizer}"
RUSTFLAGS=$(echo "$RUSTFLAGS" | tr -d '\n')
# A target is named, so that the flags reach neither build scripts nor procedural macros.
cargo build --release --target "$host" --bins
binaries=${CARGO_TARGET_DIR:-target}/$host/release

for target in "$@"; do
    mkdir -p "corpus/$target" "artifacts/$target"
    log=artifacts/$target.log
    if "$binaries/$target" "corpus/$target" "seeds/$target" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 -artifact_prefix="artifacts/$target/" >"$log" 2>&1
    then
        echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s, no crash"
    else
        tail -n 60 "$log"
        echo "$target: crashed, see fuzz/artifacts/$target"
        exit 1
    fi
done
