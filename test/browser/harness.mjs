// What the browser tests share: TAP, a chatd of one's own, and people with a browser each.
//
// CHATD is the server's program, CHROMIUM the browser's (by itself the one without windows: it takes
// half the processor's time of the other), ARTEFACTS the folder for screenshots, and
// PATIENCE multiplies every limit, for slow builds. An argument picks the tests with it in the
// name.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium, selectors } from 'playwright-core'

selectors.setTestIdAttribute('data-test')

const TOP = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..')
const CHATD = process.env.CHATD ?? join(TOP, 'chatd')
const LIMIT = 15000 * Number(process.env.PATIENCE ?? 1)
const ARTEFACTS = resolve(TOP, process.env.ARTEFACTS ?? 'artefacts')

// ---- TAP ----

const tests = []

export function test(name, act) {
  if (name.includes(process.argv[2] ?? '')) tests.push({ name, act })
}

function complain(error) {
  for (const line of String(error?.stack ?? error).split('\n')) console.error(`#   ${line}`)
}

export async function run() {
  let failed = 0
  mkdirSync(ARTEFACTS, { recursive: true })
  const picture = `failed-${basename(process.argv[1], '.mjs')}-`
  for (const old of readdirSync(ARTEFACTS).filter((name) => name.startsWith(picture)))
    rmSync(join(ARTEFACTS, old))
  console.log(`1..${tests.length}`)
  for (const [index, { name, act }] of tests.entries()) {
    let verdict = 'ok'
    try {
      await act()
      await everybodyLeaves()
    } catch (error) {
      verdict = 'not ok'
      failed += 1
      await photographAll(`${picture}${index + 1}`)
      complain(error)
      await everybodyLeaves().catch(complain)
    }
    console.log(`${verdict} ${index + 1} - ${name}`)
  }
  await browser?.close()
  process.exit(failed ? 1 : 0)
}

// Waits until the answer is as expected: the page's own changes come when they come.
export async function until(ask, expected, what) {
  const end = Date.now() + LIMIT
  for (;;) {
    const actual = await ask()
    try {
      assert.deepEqual(actual, expected, what)
      return
    } catch (error) {
      if (Date.now() > end) throw error
    }
    await new Promise((resume) => setTimeout(resume, 20))
  }
}

// ---- the server ----

const cleanups = []
process.on('exit', () => cleanups.forEach((clean) => clean()))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

export class Server {
  #options
  #folder = mkdtempSync(join(tmpdir(), 'chatd-page-'))
  #process = null
  port = 0

  constructor(...options) {
    // Whoever goes is gone at once, so that no test has those of the one before in its list.
    this.#options = ['--presence-grace=0', '--limits=none', ...options]
    cleanups.push(() => {
      this.#process?.kill('SIGKILL')
      rmSync(this.#folder, { recursive: true, force: true })
    })
  }

  static async start(...options) {
    const server = new Server(...options)
    await server.start()
    return server
  }

  get url() {
    return `http://127.0.0.1:${this.port}/`
  }

  // On the port and the database that it had before, if any.
  async start() {
    const place = [`--addr=127.0.0.1:${this.port}`, `--db=${join(this.#folder, 'chat.db')}`]
    const started = spawn(CHATD, [...place, ...this.#options], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#process = started
    const log = []
    await new Promise((ready, fail) => {
      started.on('error', fail)
      started.on('exit', (code) => fail(new Error(`chatd ended with ${code}: ${log.join('\n')}`)))
      createInterface({ input: started.stderr }).on('line', (line) => {
        log.push(line)
        const found = /\bready addr=\S+:(\d+)/.exec(line)
        if (found) ready((this.port = Number(found[1])))
      })
    })
  }

  // What `chatd admin` prints, for the same database.
  admin(...command) {
    const place = `--db=${join(this.#folder, 'chat.db')}`
    return execFileSync(CHATD, ['admin', place, ...command], { encoding: 'utf8' }).trim()
  }

  // Each of its threads stands still: the signal's way to them takes its time.
  async pause() {
    const tasks = `/proc/${this.#process.pid}/task`
    const state = (task) => /\) (\S)/.exec(readFileSync(`${tasks}/${task}/stat`, 'utf8'))[1]
    this.#process.kill('SIGSTOP')
    await until(() => readdirSync(tasks).every((task) => state(task) === 'T'), true, 'it is stopped')
  }

  async end(signal = 'SIGTERM') {
    const ended = new Promise((resume) => this.#process.once('exit', resume))
    this.#process.kill(signal)
    const code = await ended
    this.#process = null
    return code
  }
}

// ---- people ----

let browser = null
let people = []

// All of it keeps Chromium from looking for hosts other than the test's.
const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
]
const QUIETER = ['--disable-component-update', '--disable-sync']

async function launch() {
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell',
    args: [...QUIET, ...QUIETER, ...asRoot],
  })
}

export class Person {
  problems = [] // what a browser of a real person should never have to report
  serverIsDown = false
  expected = null // what a browser reports all the same, such as an answer of 401

  // options: those of a new browser context, such as viewport and colorScheme.
  static async arrive(server, { hasLine = false, ...options } = {}) {
    browser ??= await launch()
    const person = new Person()
    people.push(person)
    const size = { width: 1280, height: 800 }
    const settings = { viewport: size, locale: 'en-GB', timezoneId: 'UTC', ...options }
    person.context = await browser.newContext(settings)
    person.context.setDefaultTimeout(LIMIT)
    person.page = await person.context.newPage()
    person.#watch(server)
    if (hasLine) await person.layLine()
    person.response = await person.page.goto(server.url)
    return person
  }

  static async signIn(server, name, options) {
    const person = await Person.arrive(server, options)
    await person.enter(name)
    return person
  }

  #watch(server) {
    const { page } = this
    page.on('pageerror', (error) => this.problems.push(`exception: ${error}`))
    page.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type())) return
      if (this.serverIsDown && /WebSocket connection to .* failed/.test(message.text())) return
      if (this.serverIsDown && /Failed to load resource/.test(message.text())) return
      if (this.expected?.test(message.text())) return
      this.problems.push(`console: ${message.text()}`)
    })
    const watchHost = (url) => {
      if (new URL(url).host !== new URL(server.url).host) this.problems.push(`other host: ${url}`)
    }
    page.on('request', (request) => watchHost(request.url()))
    page.on('websocket', (socket) => watchHost(socket.url()))
  }

  // Another tab of the same browser.
  async openTab(server) {
    const tab = new Person()
    tab.context = this.context
    tab.page = await this.context.newPage()
    tab.problems = this.problems
    tab.#watch(server)
    await tab.page.goto(server.url)
    return tab
  }

  // Loads the page anew while the server is down, as a browser may that has kept it. Such a page is
  // from nowhere, as the browser sees it, and may not connect: it is loaded again when the server is back.
  async keepPage(server) {
    const get = async (path) => {
      const answer = await fetch(new URL(path, server.url))
      const body = Buffer.from(await answer.arrayBuffer())
      return { status: answer.status, contentType: answer.headers.get('content-type'), body }
    }
    const page = await get('/')
    const paths = [...String(page.body).matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(
      ([, path]) => path,
    )
    const kept = new Map([['/', page]])
    for (const path of paths) kept.set(path, await get(path))
    await this.context.route('**/*', (route) =>
      route.fulfill(kept.get(new URL(route.request().url()).pathname) ?? { status: 404 }),
    )
    return () => this.context.unroute('**/*')
  }

  // A line of this person's own, to be laid before the page is loaded: cut() takes the connection
  // away and keeps it away until mend().
  async layLine() {
    await this.page.routeWebSocket(/\/ws(\?|$)/, (socket) => {
      if (this.isCut) return socket.close({ code: 1011 })
      this.socket = socket
      this.upstream = socket.connectToServer()
    })
  }

  async cut() {
    this.isCut = true
    await this.upstream.close()
    await this.socket.close({ code: 1011 })
    await this.page.locator('[data-phase=waiting]').waitFor({ state: 'attached' })
  }

  async mend() {
    this.isCut = false
    await this.reconnect()
  }

  async reconnect() {
    const button = this.page.getByRole('button', { name: 'Reconnect now' })
    await until(
      async () => {
        // It may come back by itself in this moment.
        if (await button.isVisible()) await button.click({ timeout: 500 }).catch(() => {})
        return this.page.locator('[data-phase=connected]').count()
      },
      1,
      'the connection is back',
    )
  }

  // With an account, which is made where it is new.
  async enterAccount(way, name, password) {
    await this.page.getByRole('tab', { name: way }).click()
    await this.page.getByLabel('User name').fill(name)
    await this.page.getByLabel('Password', { exact: true }).fill(password)
    if (way === 'Register') await this.page.getByLabel('Password again').fill(password)
    await this.page.getByRole('button', { name: way, exact: true }).click()
  }

  async isConnected() {
    await this.page.locator('[data-phase=connected]').waitFor({ state: 'attached' })
  }

  static async register(server, name, options) {
    const person = await Person.arrive(server, options)
    await person.enterAccount('Register', name, `the password of ${name}`)
    await person.isConnected()
    return person
  }

  async enter(name) {
    await this.page.getByLabel('Your name').fill(name)
    await this.page.getByRole('button', { name: 'Enter the chat' }).click()
    await this.isConnected()
  }

  async join(room) {
    await this.page.getByLabel('Name of the room to join').fill(room)
    await this.page.getByRole('button', { name: 'Join', exact: true }).click()
    await this.isIn(room)
  }

  async isIn(room) {
    await this.page.getByRole('heading', { name: room, exact: true, level: 2 }).waitFor()
  }

  async show(name) {
    await this.page.getByRole('navigation').getByRole('button', { name }).click()
  }

  async say(text) {
    await this.page.locator('#composer').fill(text)
    await this.page.locator('#composer').press('Enter')
  }

  // The messages of the room that is shown: the texts, or texts with their states.
  texts() {
    return this.page.getByTestId('text').allTextContents()
  }

  states() {
    return this.page
      .getByTestId('message')
      .evaluateAll((all) =>
        all.map((one) => `${one.querySelector('.text').textContent}:${one.dataset.state}`),
      )
  }

  async photograph(name) {
    // Without this a picture may show something half moved.
    await this.page.evaluate(() => Promise.all(document.getAnimations().map((one) => one.finished)))
    await this.page.screenshot({ path: join(ARTEFACTS, `${name}.png`) })
  }
}

async function photographAll(name) {
  for (const [index, person] of people.entries())
    await person.photograph(`${name}-${index + 1}`).catch(() => {})
}

async function everybodyLeaves() {
  const leaving = people
  people = []
  await Promise.all(leaving.map(({ context }) => context.close()))
  assert.deepEqual(
    leaving.flatMap(({ problems }) => problems),
    [],
  )
}
