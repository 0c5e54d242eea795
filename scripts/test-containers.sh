#!/usr/bin/env bash
# Bus and projection on the images of NATS and Postgres: scripts/test-containers.sh VERSION
# NATS_IMAGE and POSTGRES_IMAGE name others than the usual ones.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! docker version >/dev/null 2>&1; then
	echo "test-containers: SKIPPED: there is no docker daemon here, so that NO IMAGE WAS TESTED" >&2
	exit 0
fi
images=$(scripts/compose-images.sh "$@") # on its own line: a failure within eval would go unnoticed
eval "$images"
# The reaper of testcontainers is an image, too. Without it a test run that is killed leaves its containers.
case $NATS_IMAGE in payloom-offline/*) export TESTCONTAINERS_RYUK_DISABLED=true ;; esac
TEST_NATS_IMAGE=$NATS_IMAGE TEST_POSTGRES_IMAGE=$POSTGRES_IMAGE go test -count=1 -timeout 5m ./services/payctl/e2e/images/...
