#!/usr/bin/env bash
# Images for a machine that reaches no image registry, from what it can install:
#   scripts/images-offline.sh NATS_IMAGE POSTGRES_IMAGE VERSION SERVICE...
# NATS is built from its Go module at the version that services/go.mod names; Postgres is
# Debian's, by debootstrap (root only; its tar is kept in the cache folder, so that the
# next time is quick); the services are built by this machine's Go and copied in.
set -euo pipefail
cd "$(dirname "$0")/.."
nats_image=$1 postgres_image=$2 version=$3
shift 3

suite=${DEBIAN_SUITE:-bookworm}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/payloom
root=$cache/debian-$suite-postgres.tar
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DOCKER_BUILDKIT=0 CGO_ENABLED=0

say() { echo "images-offline: $*" >&2; }

# What NATS and Postgres are made of. An image that was made of something else is made anew.
stamp=$(cat scripts/images-offline.sh deployments/offline/* <(grep nats-server services/go.mod) | sha256sum | cut -c1-16)
has() { [ "$(docker image inspect -f '{{index .Config.Labels "payloom.stamp"}}' "$1" 2>/dev/null)" = "$stamp" ]; }

# debian makes the root file system of Postgres and of the NATS image's health check.
debian() {
	test -e "$root" && return
	scripts/ensure.sh debootstrap >&2
	say "debootstrap $suite, once; its result is kept in $root"
	debootstrap --variant=minbase --include=postgresql,busybox-static,ca-certificates "$suite" "$work/root" >"$work/log" 2>&1 || { tail "$work/log" >&2; exit 1; }
	rm -rf "$work/root"/var/cache/apt/archives/*.deb "$work/root"/var/lib/apt/lists/* "$work/root"/usr/share/{doc,man,locale}
	mkdir -p "$cache"
	tar -C "$work/root" -cf "$root.new" .
	mv "$root.new" "$root"
}

postgres() {
	has "$postgres_image" && return
	debian
	mkdir "$work/postgres"
	cp deployments/offline/* "$work/postgres"
	docker import "$root" payloom-offline/debian-postgres >/dev/null
	docker build -q --label payloom.stamp="$stamp" --build-arg BASE=payloom-offline/debian-postgres -t "$postgres_image" "$work/postgres" >/dev/null
	say "$postgres_image"
}

nats() {
	has "$nats_image" && return
	debian
	mkdir -p "$work/nats"
	go -C services build -trimpath -ldflags="-s -w" -o "$work/nats/nats-server" github.com/nats-io/nats-server/v2
	tar -C "$work/nats" --strip-components=2 -xf "$root" ./bin/busybox 2>/dev/null || tar -C "$work/nats" --strip-components=3 -xf "$root" ./usr/bin/busybox
	mv "$work/nats/busybox" "$work/nats/wget" # one of its applets, for the health check
	printf 'FROM scratch\nCOPY nats-server wget /bin/\nENV PATH=/bin\nENTRYPOINT ["/bin/nats-server"]\n' >"$work/nats/Dockerfile"
	docker build -q --label payloom.stamp="$stamp" -t "$nats_image" "$work/nats" >/dev/null
	say "$nats_image"
}

services() {
	mkdir "$work/services"
	GOWORK=off go -C services build -mod=readonly -trimpath -ldflags="-s -w" -o "$work/services/" ./...
	cp /etc/ssl/certs/ca-certificates.crt "$work/services/"
	for s in "$@"; do
		docker build -q -f deployments/Dockerfile.built --build-arg SERVICE="$s" -t "payloom/$s:$version" "$work/services" >/dev/null
		say "payloom/$s:$version"
	done
}

postgres
nats
services "$@"
