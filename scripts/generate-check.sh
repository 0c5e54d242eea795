#!/usr/bin/env bash
# Fails when make generate would change a file: what is generated is committed as generated.
set -euo pipefail
cd "$(dirname "$0")/.."

files() { # path and checksum of every file git knows or would add
	git ls-files -z --cached --others --exclude-standard | xargs -0 sha256sum 2>/dev/null | sort -k2
}

before=$(files || true)
make --no-print-directory generate
after=$(files || true)

if ! diff <(echo "$before") <(echo "$after") >/dev/null; then
	echo "make generate changes these files; run it and commit them:"
	diff <(echo "$before") <(echo "$after") | awk '/^[<>]/ { print "  " $3 }' | sort -u
	exit 1
fi
