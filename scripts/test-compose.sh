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
images=$(scripts/compose-images.sh "$@") # on its own line: a failure within eval would go unnoticed
eval "$images"

# However the tests end, nothing of theirs stays.
export COMPOSE_PROJECT_NAME=payloom-test-$$
ours() { docker "$1" ls -q --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" "${@:2}"; }
remove() {
	ours container -a | xargs -r docker container rm -f -v
	ours network | xargs -r docker network rm
	ours volume | xargs -r docker volume rm
}
trap remove EXIT

# The containers have four minutes to come up, the test has nine, and two are to end them.
TEST_COMPOSE=1 go test -count=1 -timeout 20m ./services/payctl/e2e/containers/...
