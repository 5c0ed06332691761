#!/bin/sh
# Restarts the processes on the given ports one by one, each after the one before is ready:
#   deploy/rolling-restart.sh 8000 8001
# Stops with status 1 if a process is not ready within READY_SECONDS (60). The remaining processes still run the old release.
# RESTART is the command that restarts a process. The script appends the port to the command.
set -eu

: "${RESTART:=systemctl restart fastify-chat@}" "${READY_SECONDS:=60}" "${HOST:=127.0.0.1}"

if [ $# -eq 0 ]; then
  echo "usage: $0 PORT..." >&2
  exit 2
fi

for port in "$@"; do
  $RESTART"$port"
  deadline=$(($(date +%s) + READY_SECONDS))
  until curl --fail --silent --max-time 2 --output /dev/null "http://$HOST:$port/health/ready"; do
    if [ "$(date +%s)" -ge "$deadline" ]; then
      echo "The process on port $port is not ready after $READY_SECONDS s. See its log. The others were not restarted." >&2
      exit 1
    fi
    sleep 1
  done
  echo "The process on port $port is ready."
done
