#!/usr/bin/env bash
# Installs what building and testing Satchel needs and Debian 12 or 13 may lack. Does nothing where all of it is there.
# usage: deps.sh build|node|all|test-tools|compat|screenshots     (node: a real bitcoind for regtest, too; all: and what tests
# run on; test-tools: the latter without the former; compat: all and what real BitPay clients run on; screenshots: test-tools
# and fonts)
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-all}" in
build | node) tests=no ;;
*) tests=yes ;;
esac
need=()
pkg-config --exists libzmq 2>/dev/null || need+=(libzmq3-dev pkg-config)
command -v gcc >/dev/null 2>&1 || need+=(gcc)
[ -e /usr/include/stdlib.h ] || need+=(libc6-dev)
if [ $tests = yes ]; then
  command -v strace >/dev/null 2>&1 || need+=(strace) # tests make single system calls of the daemon fail
  command -v chromium >/dev/null 2>&1 || need+=(chromium) # shows the pages to tests
  command -v node >/dev/null 2>&1 || need+=(nodejs)
  command -v npm >/dev/null 2>&1 || need+=(npm)
  command -v python3 >/dev/null 2>&1 || need+=(python3) # the documentation's samples are run in five languages
  command -v php >/dev/null 2>&1 || need+=(php-cli)
  command -v ruby >/dev/null 2>&1 || need+=(ruby)
fi
if [ "${1:-all}" = screenshots ]; then
  fc-list 2>/dev/null | grep -qi 'noto.*cjk' || need+=(fontconfig fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji)
fi
if [ "${1:-all}" = compat ]; then
  command -v g++ >/dev/null 2>&1 || need+=(g++)
  command -v make >/dev/null 2>&1 || need+=(make)
fi
if [ ${#need[@]} -gt 0 ]; then
  sudo=''
  [ "$(id -u)" = 0 ] || sudo=sudo
  echo "deps: installing ${need[*]} with apt-get" >&2
  $sudo apt-get install -y --no-install-recommends "${need[@]}" >/dev/null 2>&1 || {
    $sudo apt-get update >/dev/null
    $sudo apt-get install -y --no-install-recommends "${need[@]}" >/dev/null
  }
fi
axe=internal/browser/axe
if [ $tests = yes ] && ! cmp -s $axe/package-lock.json $axe/node_modules/.satchel-lock; then
  echo "deps: installing axe-core with npm" >&2
  npm --prefix $axe ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 # tests audit the pages with it
  cp $axe/package-lock.json $axe/node_modules/.satchel-lock
fi
case "${1:-all}" in
build | test-tools | screenshots) ;;
*) scripts/bitcoind.sh >/dev/null ;;
esac
