#!/usr/bin/env bash
# Builds Go programs at fixed versions: tools.sh FOLDER PACKAGE@VERSION...
# A program that is already there at that version costs a file test.
set -euo pipefail

folder=$1
shift
mkdir -p "$folder"

for tool in "$@"; do
	package=${tool%@*}
	name=${package##*/}
	stamp="$folder/.$name@${tool##*@}@$(go env GOVERSION)"
	[ -x "$folder/$name" ] && [ -e "$stamp" ] && continue
	echo "tools: building $tool (once; takes some minutes)" >&2
	# Outside the workspace and without anybody's flags: neither may change what is built.
	GOWORK=off GOFLAGS=-buildvcs=false GOBIN="$folder" go install "$tool"
	rm -f "$folder/.$name@"*
	touch "$stamp"
done
