#!/bin/sh
# What people do with messages, rooms and each other on the page: see page_rooms.mjs.
cd "$(dirname "$0")" || exit
[ -e node_modules/playwright-core ] || npm ci --no-audit --no-fund >&2 || exit
exec node page_rooms.mjs "$@"
