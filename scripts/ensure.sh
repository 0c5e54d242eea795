#!/usr/bin/env bash
# Makes sure that what the tests need is on this machine, or, with arguments, that the
# programs named are, by packages of their names. Says nothing when they are.
# Installs with apt-get as root; otherwise prints the line that does.
set -euo pipefail

missing=()

have_postgres() { # DATABASE_URL counts, Debian keeps the server off PATH
	[ -n "${DATABASE_URL:-}" ] || command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1
}

have_browser() { # the names chromedp looks for
	for name in headless_shell headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
		command -v "$name" >/dev/null && return
	done
	[ -d "/Applications/Google Chrome.app" ] || [ -d /Applications/Chromium.app ]
}

have_compiler() { # the race detector links with it
	command -v "$(go env CC)" >/dev/null
}

if [ $# = 0 ]; then
	have_postgres || missing+=(postgresql)
	have_browser || missing+=(chromium fonts-liberation)
	have_compiler || missing+=(gcc libc6-dev)
	[ "$(id -u)" != 0 ] || command -v setpriv >/dev/null || missing+=(util-linux) # Postgres refuses to run as root
fi
for program in "$@"; do
	command -v "$program" >/dev/null || missing+=("$program")
done

[ ${#missing[@]} = 0 ] && exit

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "ensure: this needs ${missing[*]}; on Debian or Ubuntu:" >&2
	echo "    sudo apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 1
fi

echo "ensure: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# The tests start their own server: the package's must not start one.
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
	mkdir -p /etc/postgresql-common/createcluster.d
	echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/payloom.conf
fi
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
	tail -n 20 "$log" >&2
	echo "ensure: apt-get could not install ${missing[*]}; the lines above say why" >&2
	exit 1
fi
