// Two people whose pages come from two instances of one chat.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Person, Server, test, until } from './harness.mjs'

// A redis-server behind a socket in a folder of its own, where the database is, too.
class Redis {
  folder = mkdtempSync(join(tmpdir(), 'chatd-redis-'))
  socket = join(this.folder, 'redis.sock')

  constructor() {
    const place = ['--port', '0', '--unixsocket', this.socket, '--dir', this.folder]
    this.process = spawn('redis-server', [...place, '--save', '', '--appendonly', 'no'], {
      stdio: 'ignore',
    })
    process.on('exit', () => this.end())
  }

  isThere() {
    return new Promise((resume) => {
      const connection = connect(this.socket)
      connection.on('connect', () => resume(true)).on('error', () => resume(false))
      connection.on('connect', () => connection.destroy())
    })
  }

  end() {
    this.process.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

async function isOk(server) {
  const answer = await fetch(`${server.url}healthz`)
  return (await answer.json()).status === 'ok'
}

test('two instances: two pages see each other, talk, and open a private chat', async () => {
  const redis = new Redis()
  await until(() => redis.isThere(), true, 'Redis is there')
  const options = [`--redis=redis+unix://${redis.socket}`, `--db=${join(redis.folder, 'chat.db')}`]
  const servers = [await Server.start(...options), await Server.start(...options)]
  const ann = await Person.signIn(servers[0], 'Ann')
  const bob = await Person.signIn(servers[1], 'Bob')
  await ann.join('everywhere')
  await bob.join('everywhere')
  for (const server of servers) await until(() => isOk(server), true, 'an instance is ok')
  const said = []
  for (const [person, text] of [
    [ann, 'one'],
    [bob, 'two'],
    [ann, 'three'],
  ]) {
    await person.say(text)
    said.push(text)
    for (const each of [ann, bob]) await until(() => each.texts(), said)
  }
  await ann.page.getByRole('button', { name: 'Private chat with Bob' }).click()
  await ann.isIn('Bob')
  await ann.say('psst')
  await bob.page.getByRole('navigation').getByRole('button', { name: 'Ann 1 unread' }).click()
  await until(() => bob.texts(), ['psst'])
  await bob.say('what is it?')
  await until(() => ann.texts(), ['psst', 'what is it?'])
  // The page goes with its instance, and the other one hears of it.
  bob.serverIsDown = true
  await servers[1].end('SIGTERM')
  await ann.page.getByText('Bob is offline and will see this later.').waitFor()
  ann.serverIsDown = true
  await servers[0].end('SIGTERM')
  redis.end()
})
