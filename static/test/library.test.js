import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import test from 'node:test'

const folder = new URL('../src/client/', import.meta.url)

test('the library knows no framework, no document and no page', () => {
  for (const name of readdirSync(folder)) {
    const text = readFileSync(new URL(name, folder), 'utf8')
    const code = text.replace(/\/\/.*$/gm, '')
    for (const [, from] of code.matchAll(/from '([^']+)'/g))
      assert.match(from, /^\.\/\w+\.js$/, name)
    assert.doesNotMatch(
      code,
      /\b(window|navigator|localStorage|sessionStorage|addEventListener)\b/,
      name,
    )
  }
})
