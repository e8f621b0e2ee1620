#!/usr/bin/env node
// embed.mjs DIST OUT.c: writes the built page as the C table of server/embedded_assets.h.
// The same files give the same output, byte by byte, on any machine.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const MIME_TYPES = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  ico: 'image/x-icon',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  png: 'image/png',
  svg: 'image/svg+xml; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  webmanifest: 'application/manifest+json; charset=utf-8',
  webp: 'image/webp',
  woff2: 'font/woff2',
}

// The form that Vite gives to the names of what it builds: assets/NAME-HASH.EXT.
const HASHED = /^\/assets\/.+-[\w-]{8}\.\w+$/

function fail(text) {
  console.error(`embed: ${text}`)
  process.exit(1)
}

function filesBelow(folder, prefix = '') {
  const entries = readdirSync(folder, { withFileTypes: true })
  return entries.flatMap((entry) => {
    const path = `${prefix}/${entry.name}`
    return entry.isDirectory() ? filesBelow(join(folder, entry.name), path) : [path]
  })
}

function mimeType(path) {
  const extension = path.slice(path.lastIndexOf('.') + 1).toLowerCase()
  return MIME_TYPES[extension] ?? fail(`${path}: add its type to the list in scripts/embed.mjs`)
}

function gzip(bytes) {
  const zipped = gzipSync(bytes, { level: 9 })
  zipped[9] = 255 // the operating system: unknown, so that the output is the same on each
  return zipped.length < bytes.length ? zipped : null
}

function byteLines(bytes) {
  const lines = []
  for (let at = 0; at < bytes.length; at += 32)
    lines.push(`    ${[...bytes.subarray(at, at + 32)].join(',')},`)
  return lines.length ? lines.join('\n') : '    0' // C has no empty arrays
}

function body(name, bytes, etag) {
  return bytes ? `{${name}, ${bytes.length}, "\\"${etag}\\""}` : '{NULL, 0, NULL}'
}

function embed(dist) {
  const arrays = []
  const rows = []
  for (const [index, path] of filesBelow(dist).sort().entries()) {
    // assets.c serves no other names, and here they need no escaping.
    if (!/^(\/[\w-][\w.-]*)+$/.test(path)) fail(`${path}: only letters, digits, '-', '_' and '.'`)
    const bytes = readFileSync(join(dist, path))
    const zipped = gzip(bytes)
    const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 32)
    const array = (name, data) =>
      arrays.push(`static const unsigned char ${name}[] = {\n${byteLines(data)}\n};\n`)
    array(`plain_${index}`, bytes)
    if (zipped) array(`gzip_${index}`, zipped)
    rows.push(
      `    {"${path}", "${mimeType(path)}", ${HASHED.test(path)},`,
      `     ${body(`plain_${index}`, bytes, hash)},`,
      `     ${body(`gzip_${index}`, zipped, `${hash}-gzip`)}},`,
    )
  }
  if (!rows.length) fail(`${dist}: there is nothing in it`)
  return [
    '/* Written by scripts/embed.mjs. */',
    '#include "server/embedded_assets.h"\n',
    ...arrays,
    `const struct embedded_asset embedded_assets[] = {\n${rows.join('\n')}\n};`,
    'const size_t embedded_assets_count = sizeof embedded_assets / sizeof embedded_assets[0];\n',
  ].join('\n')
}

const [dist, out] = process.argv.slice(2)
if (!dist || !out) fail('usage: embed.mjs DIST OUT.c')
// Renamed when complete, so that an interrupted build leaves no half of a file behind.
writeFileSync(`${out}.new`, embed(dist))
renameSync(`${out}.new`, out)
