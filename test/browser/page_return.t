#!/bin/sh
# The page when all goes away and comes back: see page_return.mjs.
cd "$(dirname "$0")" || exit
[ -e node_modules/playwright-core ] || npm ci --no-audit --no-fund >&2 || exit
exec node page_return.mjs "$@"
