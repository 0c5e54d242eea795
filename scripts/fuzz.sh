#!/usr/bin/env bash
# Runs each fuzz target of the workspace for a while: fuzz.sh 20s
set -euo pipefail
cd "$(dirname "$0")/.."

go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' work | while read -r dir; do
	[ -n "$dir" ] || continue
	grep -hosE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | cut -d' ' -f2 | while read -r target; do
		echo "fuzz: $target in ${dir#"$PWD"/}"
		go -C "$dir" test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-20s}" . </dev/null
	done
done
