#!/usr/bin/env bash
# Makes a cluster with POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB when there is none,
# then becomes the server.
set -euo pipefail
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
export PATH
user=${POSTGRES_USER:-postgres} database=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }

mkdir -p "$PGDATA" /run/postgresql
chown postgres:postgres "$PGDATA" /run/postgresql
chmod 700 "$PGDATA"
if ! test -s "$PGDATA/PG_VERSION"; then
	secret=$(mktemp)
	printf '%s' "${POSTGRES_PASSWORD:?is needed}" >"$secret"
	chown postgres "$secret"
	as_postgres initdb -D "$PGDATA" -U "$user" -A scram-sha-256 --pwfile="$secret" -E UTF8 --locale=C.UTF-8 >/dev/null
	rm "$secret"
	echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
	if test "$database" != postgres; then
		# A server that listens on no port, so that nobody takes it for the real one.
		as_postgres pg_ctl -D "$PGDATA" -w -o "-c listen_addresses=''" start >/dev/null
		PGPASSWORD=$POSTGRES_PASSWORD as_postgres psql -h /run/postgresql -U "$user" -d postgres -qc "CREATE DATABASE \"$database\""
		as_postgres pg_ctl -D "$PGDATA" -w stop >/dev/null
	fi
fi
test "${1:-}" = postgres && shift
exec setpriv --reuid postgres --regid postgres --clear-groups postgres -D "$PGDATA" -c listen_addresses='*' "$@"
