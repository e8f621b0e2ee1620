#!/bin/sh
# The page in a real browser against the real server: see page.mjs.
cd "$(dirname "$0")" || exit
[ -e node_modules/playwright-core ] || npm ci --no-audit --no-fund >&2 || exit
exec node page.mjs "$@"
