#!/usr/bin/env bash
# The tests that need containers, with their images: scripts/test-compose.sh VERSION SERVICE...
set -euo pipefail
cd "$(dirname "$0")/.."

if ! docker version >/dev/null 2>&1; then
	echo "test-compose: SKIPPED: there is no docker daemon here, so that NO CONTAINER WAS TESTED" >&2
	exit 0
fi
if ! { docker compose version || docker-compose version; } >/dev/null 2>&1; then
	echo "test-compose: FAILED: docker is here, and neither docker compose nor docker-compose" >&2
	exit 1
fi
eval "$(scripts/compose-images.sh "$@")"
TEST_COMPOSE=1 go test -count=1 -timeout 12m ./services/payctl/e2e/containers/...
