#!/bin/sh
# Backs up the database: dumps it, verifies the dump by restoring it, and deletes old backups.
#
# Uses the settings of the service (DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_USER, DATABASE_PASSWORD, DATABASE_SCHEMA).
#   BACKUP_DIR       where the backups are stored
#   BACKUP_KEEP      how many backups are kept, by default 14
#   VERIFY_HOST, VERIFY_PORT, VERIFY_USER, VERIFY_PASSWORD
#                    the server for the verification, by default that of the database. Its user must be allowed to create databases.
#   FASTIFY_CHAT     the command of the service, by default `fastify-chat`
# A backup contains no keys. Without ENCRYPTION_KEY, no message of a backup can be read: store the keys elsewhere.
set -eu
umask 077

fail() {
  echo "backup.sh: $*" >&2
  exit 1
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
dir=${BACKUP_DIR:?set BACKUP_DIR}
keep=${BACKUP_KEEP:-14}
schema=${DATABASE_SCHEMA:-public}
case $keep in '' | *[!0-9]* | 0) fail 'BACKUP_KEEP must be 1 or more' ;; esac
case $schema in *[!a-z0-9_]*) fail 'DATABASE_SCHEMA may contain only a-z, 0-9 and _' ;; esac
host=${DATABASE_HOST:?set DATABASE_HOST}
port=${DATABASE_PORT:-5432}
user=${DATABASE_USER:?set DATABASE_USER}
password=${DATABASE_PASSWORD:?set DATABASE_PASSWORD}
database=${DATABASE_NAME:?set DATABASE_NAME}

# Runs a command with the connection to the server for the verification.
on_verify() {
  PGHOST=${VERIFY_HOST:-$host} PGPORT=${VERIFY_PORT:-$port} PGUSER=${VERIFY_USER:-$user} \
    PGPASSWORD=${VERIFY_PASSWORD:-$password} "$@"
}

name=fastify-chat-$(date -u +%Y%m%dT%H%M%SZ)
partial=$dir/.$name.$$.partial
scratch=fastify_chat_verify_$$

cleanup() {
  rm -f "$partial"
  on_verify dropdb --if-exists --maintenance-db=postgres "$scratch" 2>/dev/null || true
}
trap cleanup EXIT
trap 'exit 1' INT TERM

mkdir -p "$dir"
PGHOST=$host PGPORT=$port PGUSER=$user PGPASSWORD=$password pg_dump --format=custom --file="$partial" "$database"

on_verify createdb --maintenance-db=postgres "$scratch"
DATABASE_HOST=${VERIFY_HOST:-$host} DATABASE_PORT=${VERIFY_PORT:-$port} DATABASE_NAME=$scratch DATABASE_USER=${VERIFY_USER:-$user} \
  DATABASE_PASSWORD=${VERIFY_PASSWORD:-$password} sh "$here/restore.sh" "$partial" >/dev/null

# An entry after the end of its log shows that the dump is not consistent.
counts=$(on_verify psql --no-psqlrc --quiet --tuples-only --no-align --dbname="$scratch" --command "
  select case when exists (
    select from $schema.rooms as room
    where (select max(entry.seq) from $schema.messages as entry where entry.room_id = room.id) > room.last_seq
  ) then 'inconsistent' else (select count(*) from $schema.users) || ' users, ' || (select count(*) from $schema.rooms) || ' rooms, ' ||
    (select count(*) from $schema.messages) || ' entries' end")
[ "$counts" != inconsistent ] || fail 'the restored database has entries after the end of their logs. The dump was not kept.'

mv "$partial" "$dir/$name.dump"
echo "$dir/$name.dump: $(wc -c <"$dir/$name.dump") bytes, verified: $counts"

# The names contain the times of the backups, so the order of the names is the order of the times.
find "$dir" -maxdepth 1 -name 'fastify-chat-*.dump' | sort -r | tail -n "+$((keep + 1))" | while IFS= read -r old; do
  rm -f "$old"
  echo "$old: deleted"
done
