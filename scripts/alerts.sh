#!/usr/bin/env bash
# Checks the alert rules: promtool takes them and their tests, every alert has a test and
# a section in the runbook, and every metric that they look at is one that Payloom has.
set -euo pipefail
cd "$(dirname "$0")/.."
rules=deployments/prometheus/alerts.yml
tests=deployments/prometheus/alerts_test.yml
runbook=docs/operations.md
bad=0
fail() { echo "alerts: $*" >&2; bad=1; }

alerts=$(sed -n 's/^ *- alert: //p' "$rules")
for a in $alerts; do
	grep -q "alertname: $a\$" "$tests" || fail "$a has no test in $tests"
	grep -qx "### $a" "$runbook" || fail "$a has no section in $runbook"
done
for section in $(sed -n '/^## Alerts/,/^## [^A]/s/^### //p' "$runbook"); do
	grep -qx "$section" <<<"$alerts" || fail "$runbook describes $section, which is no alert"
done
for metric in $(grep -o 'payloom_[a-z_]*' "$rules" | sed -E 's/_(bucket|count)$//' | sort -u); do
	grep -rqF "\"$metric\"" --include='*.go' pkg services || fail "$metric is no metric of Payloom's"
done

# promtool comes with Prometheus; of Debian's package only that one program is taken.
promtool=$(command -v promtool || echo .tools/bin/promtool)
if [ ! -x "$promtool" ] && command -v apt-get >/dev/null; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	chmod 755 "$dir"
	(cd "$dir" && { apt-get download prometheus || { apt-get update && apt-get download prometheus; }; } && dpkg-deb -x prometheus_*.deb x) >"$dir/log" 2>&1 ||
		{ cat "$dir/log" >&2; fail "apt-get could not get prometheus, which has promtool"; }
	mkdir -p .tools/bin
	[ ! -f "$dir/x/usr/bin/promtool" ] || mv "$dir/x/usr/bin/promtool" "$promtool"
fi
if [ -x "$promtool" ]; then
	"$promtool" check rules "$rules" >/dev/null || bad=1
	"$promtool" test rules "$tests" >/dev/null || bad=1
else
	fail "promtool is missing: it comes with Prometheus; put it on PATH"
fi
exit $bad
