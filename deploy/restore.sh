#!/bin/sh
# Restores a backup into an empty database: deploy/restore.sh FILE
#
# Create the database first. The script reads the settings of the service: DATABASE_HOST, DATABASE_PORT, DATABASE_NAME,
# DATABASE_USER, DATABASE_PASSWORD and DATABASE_SCHEMA. FASTIFY_CHAT is the command of the service, with its arguments, by default
# `fastify-chat`. The script gives each room a new epoch, so that clients load the history again. docs/operations.md describes the
# steps.
set -eu

fail() {
  echo "restore.sh: $*" >&2
  exit 1
}

[ $# -eq 1 ] || fail 'give the backup file as the only argument'
[ -r "$1" ] || fail "the file $1 cannot be read"

# The password is not an argument, because every user of the machine can list the arguments of processes.
export PGHOST="${DATABASE_HOST:?set DATABASE_HOST}" PGPORT="${DATABASE_PORT:-5432}"
export PGUSER="${DATABASE_USER:?set DATABASE_USER}" PGPASSWORD="${DATABASE_PASSWORD:?set DATABASE_PASSWORD}"
export PGDATABASE="${DATABASE_NAME:?set DATABASE_NAME}"
unset DATABASE_URL

tables=$(psql --no-psqlrc --quiet --tuples-only --no-align --command "select count(*) from information_schema.tables
  where table_schema not in ('pg_catalog', 'information_schema')")
[ "$tables" -eq 0 ] || fail "the database $PGDATABASE is not empty. Create a new one: createdb NAME"

# Leaves CPU for a running service. PostgreSQL builds each index on only one core, which matters if the service uses the same
# database server. `nice` lowers the priority of the restore, which matters if the service runs on this machine.
export PGOPTIONS="${PGOPTIONS:-} -c max_parallel_maintenance_workers=0"
nice -n 10 pg_restore --no-owner --exit-on-error --dbname="$PGDATABASE" "$1"
# FASTIFY_CHAT may have arguments, so it is not quoted.
# shellcheck disable=SC2086
nice -n 10 ${FASTIFY_CHAT:-fastify-chat} epochs renew --yes
