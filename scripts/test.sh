#!/usr/bin/env bash
# go test with the arguments given, for those who must not skip anything: a missing
# dependency is a failure, and so is a process that outlives the tests that started it.
set -euo pipefail
cd "$(dirname "$0")/.."

# What the tests start inherits this mark, and is told from everybody else's processes by it.
mark="PAYLOOM_TEST_RUN=$$.$(date +%s)"

leftovers() { # process ids, one per line; none where there is no /proc
	grep -lzsxF "$mark" /proc/[0-9]*/environ | cut -d/ -f3 || true
}

result=0
env "$mark" TESTKIT_REQUIRE=1 go test "$@" || result=$?

for _ in $(seq 150); do # a stopping server may take a moment
	[ -z "$(leftovers)" ] && break
	sleep 0.1
done
for pid in $(leftovers); do
	echo "test: left behind, and now stopped: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
	kill -KILL "$pid" 2>/dev/null || true
	result=1
done

[ "$result" = 0 ] && echo "test: ok" || echo "test: FAILED"
exit "$result"
