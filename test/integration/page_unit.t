#!/bin/sh
# The page's own unit tests, which run in Node.
cd "$(dirname "$0")/../../static" || exit
exec node --test --test-reporter=tap test/*.test.*js
