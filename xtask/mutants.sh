#!/bin/sh
# Runs `cargo mutants` on each package with the tests that watch the package. The
# arguments are more options, such as `--shard 0/20` or `--in-diff FILE`. Stops at no
# package; fails if a mutant of one is missed.
cd "$(dirname "$0")/.."
failed=
mutate() {
    package=$1 tests=$2
    shift 2
    cargo mutants --config xtask/mutants.toml --in-place --package "$package" \
        --test-package "$tests" --output "target/mutants/$package" "$@" || failed=1
}
mkdir -p target/mutants
mutate mimalloc mimalloc,mimalloc-tests "$@"
mutate mimalloc-sys mimalloc-sys,mimalloc-tests "$@"
mutate mimalloc-build-scripts mimalloc-build-tests,mimalloc-sys,mimalloc "$@"
mutate xtask xtask "$@"
test -z "$failed"
