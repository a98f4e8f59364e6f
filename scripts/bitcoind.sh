#!/usr/bin/env bash
# Makes sure that there is a bitcoind of version 25 or newer, and prints the folder that holds it.
#
# One on the PATH that works is taken. Otherwise bitcoind and its tools are put into PREFIX/bin on Debian 12 or 13, from
# Debian's own signed packages. Debian 12 ships none; Debian 13's backports ship bitcoin-knots, a derivative of Bitcoin
# Core whose binary is called bitcoind. On Debian 12 that binary needs Debian 13's C and C++ runtime, so those are
# unpacked beside it and a wrapper starts it with their loader; every other library comes from Debian 12's packages.
#
# Nothing outside PREFIX changes, but for the libraries that apt installs.
#
# usage: bitcoind.sh [PREFIX]        default: ${XDG_CACHE_HOME:-$HOME/.cache}/satchel/bitcoind
set -euo pipefail

prefix=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/satchel/bitcoind}
wanted=25

say() { echo "bitcoind.sh: $*" >&2; }

fail() {
  say "$*"
  say "Install Bitcoin Core $wanted or newer yourself (https://bitcoincore.org) and put bitcoind on the PATH, or set BITCOIND to it."
  exit 1
}

# works BINARY: it starts and is new enough.
works() {
  local version
  version=$("$1" -version 2>/dev/null | sed -n '1s/.* v\{0,1\}\([0-9][0-9]*\)\.[0-9].*/\1/p') || return 1
  [ -n "$version" ] && [ "$version" -ge "$wanted" ]
}

if [ $# -eq 0 ] && found=$(command -v bitcoind) && works "$found"; then
  dirname "$found"
  exit 0
fi
if [ -x "$prefix/bin/bitcoind" ] && works "$prefix/bin/bitcoind"; then
  echo "$prefix/bin"
  exit 0
fi

for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || fail "This is no Debian: there is no $tool."
done
sudo=''
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || fail "Neither root nor sudo is here to install the libraries that bitcoind needs."
  sudo=sudo
fi

say "installing the libraries that bitcoind needs"
libraries=(libzmq5 libevent-core-2.1-7 libevent-extra-2.1-7 libevent-pthreads-2.1-7 libsqlite3-0)
if apt-cache show libevent-core-2.1-7t64 >/dev/null 2>&1; then # Debian 13 renamed them
  libraries=(libzmq5 libevent-core-2.1-7t64 libevent-extra-2.1-7t64 libevent-pthreads-2.1-7t64 libsqlite3-0)
fi
install() { $sudo apt-get install -y --no-install-recommends "${libraries[@]}" >/dev/null 2>&1; }
install || { $sudo apt-get update >/dev/null && install; } || fail "apt-get cannot install ${libraries[*]}."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/archives/partial"

key=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$key" ] || fail "Debian's signing keys are missing: install debian-archive-keyring."
mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep '/debian/*$' | head -n1) || true
mirror=${mirror%/}
for suite in trixie trixie-backports; do
  echo "deb [signed-by=$key] ${mirror:-https://deb.debian.org/debian} $suite main"
done >"$work/sources.list"
apt=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$work/lists"
     -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" -o "APT::Sandbox::User=root")

say "fetching bitcoind from Debian"
apt-get "${apt[@]}" update >/dev/null || fail "Debian's package lists cannot be fetched from ${mirror:-deb.debian.org}."
(cd "$work/archives" && apt-get "${apt[@]}" download bitcoin-knots libc6 libstdc++6 libgcc-s1 >/dev/null) ||
  fail "The packages cannot be fetched from ${mirror:-deb.debian.org}."

rm -rf "$prefix"
mkdir -p "$prefix/bin" "$prefix/root"
for deb in "$work"/archives/*.deb; do dpkg-deb -x "$deb" "$prefix/root"; done
lib=$prefix/root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
host=/usr/lib/$(basename "$lib")
loader=$(find "$lib" -maxdepth 1 -name 'ld-linux*.so.*' | head -n1)
[ -n "$loader" ] || fail "The C runtime that came with bitcoind is not where it should be ($lib)."
for tool in bitcoind bitcoin-cli bitcoin-tx bitcoin-wallet; do
  printf '#!/bin/sh\nexec "%s" --library-path "%s:%s" "%s" "$@"\n' "$loader" "$lib" "$host" "$prefix/root/usr/bin/$tool" >"$prefix/bin/$tool"
  chmod 755 "$prefix/bin/$tool"
done
works "$prefix/bin/bitcoind" || fail "bitcoind was unpacked to $prefix but does not start: run $prefix/bin/bitcoind -version."

say "ready: $("$prefix/bin/bitcoind" -version | head -n1)"
echo "$prefix/bin"
