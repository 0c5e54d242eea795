#!/usr/bin/env bash
# Makes the images that docker-compose.yml needs, and prints the variables that name them:
#   images=$(scripts/compose-images.sh VERSION SERVICE...) && eval "$images"
# From the usual ones where they can be had; else stand-ins, see images-offline.sh. Without
# services only NATS and Postgres are seen to.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
shift
nats_image=${NATS_IMAGE:-nats:2.15.2-alpine} postgres_image=${POSTGRES_IMAGE:-postgres:17} go_image=${GO_IMAGE:-golang:1.26-bookworm}

obtainable() {
	for image in "$@"; do
		docker image inspect "$image" >/dev/null 2>&1 || timeout 300 docker pull -q "$image" >/dev/null 2>&1 || return 1
	done
}

if obtainable "$nats_image" "$postgres_image" && { test $# = 0 || obtainable "$go_image"; }; then
	for s in "$@"; do
		docker build -q -f deployments/Dockerfile --build-arg GO_IMAGE="$go_image" --build-arg SERVICE="$s" -t "payloom/$s:$version" . >/dev/null
	done
else
	echo "compose-images: no registry that has them: making stand-ins" >&2
	nats_image=payloom-offline/nats:2.15.2 postgres_image=payloom-offline/postgres:15
	scripts/images-offline.sh "$nats_image" "$postgres_image" "$version" "$@" >&2
fi
echo "export NATS_IMAGE=$nats_image POSTGRES_IMAGE=$postgres_image PAYLOOM_VERSION=$version"
