// What becomes of everything when the connection, the server or the page goes away, and comes back.
import assert from 'node:assert/strict'
import { Person, Server, run, test, until } from './harness.mjs'

const server = await Server.start()

async function withRoom(room, names, options) {
  const people = []
  for (const name of names) {
    const person = await Person.signIn(server, name, options)
    await person.join(room)
    people.push(person)
  }
  return people
}

// Says as many things as asked, as fast as it goes, without a page: one person's page is not what
// it is about.
async function talk(room, name, texts) {
  const crowd = await Person.arrive(server)
  await crowd.page.evaluate(
    async ([room, name, texts]) => {
      const socket = new WebSocket(`ws://${location.host}/ws?name=${name}`)
      const hear = (action) =>
        new Promise((resume) =>
          socket.addEventListener('message', ({ data }) => {
            for (const line of data.split('\n')) {
              const document = JSON.parse(line)
              if (
                document.action === action &&
                (!document.id || document.id === `t${texts.length}`)
              )
                resume(document)
            }
          }),
        )
      await new Promise((resume) => (socket.onopen = resume))
      const joined = hear('room-joined')
      socket.send(JSON.stringify({ action: 'join-room', message: room }))
      const { target } = await joined
      const acknowledged = hear('message-ack')
      const post = (message, at) =>
        JSON.stringify({ action: 'send-message', target, message, id: `t${at + 1}` })
      socket.send(texts.map(post).join('\n'))
      await acknowledged
      socket.close()
    },
    [room, name, texts],
  )
  await crowd.context.close()
}

const numbered = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => `number ${from + i}`)

const sent = (texts) => texts.map((text) => `${text}:sent`)

// Where a message stands in the window.
const place = (person, text) =>
  person.page
    .getByTestId('message')
    .filter({ has: person.page.getByText(text, { exact: true }) })
    .evaluate((one) => Math.round(one.getBoundingClientRect().top))

const fromBottom = (person) =>
  person.page
    .getByRole('log')
    .evaluate((one) => Math.round(one.scrollHeight - one.scrollTop - one.clientHeight))

async function serverEnds(people, signal) {
  for (const person of people) person.serverIsDown = true
  await server.end(signal)
  for (const { page } of people)
    await page
      .locator('[data-phase=waiting], [data-phase=connecting]')
      .waitFor({ state: 'attached' })
}

async function serverReturns(people) {
  await server.start()
  for (const person of people) {
    await person.reconnect()
    person.serverIsDown = false
  }
}

test('a server that dies: the page says so, comes back, and the room goes on', async () => {
  const [ann, bob] = await withRoom('crash', ['Ann', 'Bob'])
  await ann.join('another')
  await ann.show('crash')
  await bob.say('before')
  await until(() => ann.texts(), ['before'])
  await server.pause()
  await ann.say('during')
  await until(() => ann.states(), ['before:sent', 'during:sending'])
  await serverEnds([ann, bob], 'SIGKILL')
  await until(() => ann.states(), ['before:sent', 'during:waiting'])
  await ann.page.getByTestId('connection').getByText('Reconnecting in').waitFor()
  await ann.photograph('offline')
  await serverReturns([ann, bob])
  const said = ['before', 'during']
  for (const person of [ann, bob]) await until(() => person.states(), sent(said))
  await bob.say('after')
  for (const person of [ann, bob]) await until(() => person.states(), sent([...said, 'after']))
  await ann.show('another')
  await ann.say('here, too')
  await until(() => ann.states(), ['here, too:sent'])
})

test('a server that restarts: nobody misses a word, in the room and in the private chat', async () => {
  const [ann, robin] = await withRoom('restart', ['Ann', 'Robin'])
  await ann.say('before')
  await ann.page.getByRole('button', { name: 'Private chat with Robin' }).click()
  await ann.isIn('Robin')
  await ann.say('psst')
  const invitation = robin.page.getByRole('navigation').getByRole('button', { name: 'Ann' })
  await invitation.waitFor()
  await until(() => robin.texts(), ['before'])
  ann.serverIsDown = robin.serverIsDown = true
  assert.equal(await server.end('SIGTERM'), 0)
  await ann.page.getByText('The server is restarting.').waitFor()
  await ann.say('still there?')
  await robin.say('written meanwhile')
  await until(() => ann.states(), ['psst:sent', 'still there?:waiting'])
  await serverReturns([ann, robin])
  await until(() => ann.states(), sent(['psst', 'still there?']))
  await until(() => robin.states(), sent(['before', 'written meanwhile']))
  await invitation.click()
  await until(() => robin.texts(), ['psst', 'still there?'])
  await robin.say('yes')
  await until(() => ann.texts(), ['psst', 'still there?', 'yes'])
  await ann.show('restart')
  await until(() => ann.texts(), ['before', 'written meanwhile'])
  await until(() => ann.page.getByTestId('person').count(), 2, 'no ghosts')
})

test('written while the server is down, then a reload: each message once, in order, on both sides', async () => {
  const [ann, bob] = await withRoom('outbox', ['Ann', 'Bob'])
  await ann.say('before')
  await until(() => bob.texts(), ['before'])
  const letPageGo = await ann.keepPage(server)
  await serverEnds([ann, bob], 'SIGKILL')
  const written = Array.from({ length: 5 }, (_, i) => `written ${i}`)
  for (const text of written) await ann.say(text)
  await bob.say('from the other side')
  await until(() => ann.states(), ['before:sent', ...written.map((text) => `${text}:waiting`)])
  // It is there again before the server is.
  await ann.page.reload()
  await ann.isIn('outbox')
  await until(
    () => ann.states(),
    written.map((text) => `${text}:waiting`),
  )
  await ann.say('written after the reload')
  await ann.photograph('outbox')
  await server.start()
  await letPageGo()
  await ann.page.reload()
  for (const person of [ann, bob]) {
    await person.reconnect()
    person.serverIsDown = false
  }
  const mine = [...written, 'written after the reload']
  for (const person of [ann, bob]) {
    await until(async () => (await person.states()).length, 8)
    const all = await person.texts()
    await until(() => person.states(), sent(all))
    assert.equal(all[0], 'before')
    assert.deepEqual(
      all.filter((text) => mine.includes(text)),
      mine,
    )
  }
  assert.deepEqual(await ann.texts(), await bob.texts())
  // And not once more after another reload.
  const all = await ann.texts()
  await ann.page.reload()
  await until(() => ann.states(), sent(all))
})

test('what one does not want to send any more is removed', async () => {
  const [ann, bob] = await withRoom('regret', ['Ann', 'Bob'], { hasLine: true })
  await ann.cut()
  for (const text of ['keep', 'regret']) await ann.say(text)
  await ann.page.getByRole('button', { name: 'Remove this message' }).last().click()
  await until(() => ann.states(), ['keep:waiting'])
  await ann.mend()
  await until(() => ann.states(), ['keep:sent'])
  await bob.say('and?')
  for (const person of [ann, bob]) await until(() => person.texts(), ['keep', 'and?'])
})

test('older messages come on scrolling up, and what one reads does not move', async () => {
  await talk('past', 'Historian', numbered(1, 180))
  const [ann] = await withRoom('past', ['Ann'])
  const log = ann.page.getByRole('log')
  await ann.page.getByText('number 180', { exact: true }).waitFor()
  await until(() => fromBottom(ann), 0)
  let first = await ann.texts().then(([text]) => Number(text.split(' ')[1]))
  assert.ok(first > 50, 'not all at once')
  while (first > 1) {
    const text = `number ${first}`
    await ann.page.getByText(text, { exact: true }).waitFor()
    // The browser loads as one comes near: where the first one stands after that is compared with
    // where it stood, as far as one scrolled.
    const before = await ann.page.evaluate(async (text) => {
      const log = document.querySelector('[role=log]')
      const messages = [...log.querySelectorAll('[data-test=message]')]
      const one = messages.find((each) => each.querySelector('.text').textContent === text)
      log.scrollTop = 10
      const { top } = one.getBoundingClientRect()
      window.one = one
      return Math.round(top)
    }, text)
    await until(async () => (await ann.texts())[0] !== text, true, 'older ones are there')
    assert.equal(
      await ann.page.evaluate(() => Math.round(window.one.getBoundingClientRect().top)),
      before,
    )
    first = await ann.texts().then(([each]) => Number(each.split(' ')[1]))
  }
  await until(() => ann.texts(), numbered(1, 180))
  await log.evaluate((one) => (one.scrollTop = 0))
  await ann.page.getByText('This is where past begins.').waitFor()
  await ann.photograph('past')
  // By keyboard, and what comes meanwhile does not move anything, either.
  const before = await place(ann, 'number 1')
  await talk('past', 'Historian', ['news'])
  await ann.page.getByRole('button', { name: '1 new message' }).waitFor()
  assert.equal(await place(ann, 'number 1'), before)
  await log.focus()
  await ann.page.keyboard.press('End')
  await until(() => fromBottom(ann), 0)
})

test('one who was away for long finds the line, a gap, and what is in it', async () => {
  const strict = await Server.start('--resume-limit=20')
  const [ann, bob] = [
    await Person.signIn(strict, 'Ann', { hasLine: true }),
    await Person.signIn(strict, 'Bob'),
  ]
  for (const person of [ann, bob]) await person.join('gap')
  await bob.say('number 1')
  await until(() => ann.texts(), ['number 1'])
  await ann.cut()
  for (const text of numbered(2, 90)) await bob.say(text)
  await until(() => bob.states(), sent(numbered(1, 90)))
  await ann.mend()
  await ann.page.getByText('number 90', { exact: true }).waitFor({ state: 'attached' })
  await until(() => ann.page.getByTestId('left-off').count(), 1)
  await ann.photograph('gap')
  // Read on from where one was; what is missing comes as one goes on.
  const log = ann.page.getByRole('log')
  await until(
    async () => {
      await log.evaluate((one) => (one.scrollTop += 150))
      return ann.page.getByTestId('gap').count()
    },
    0,
    'the gap is filled',
  )
  await until(() => ann.texts(), numbered(1, 90))
  const order = await log.evaluate((one) =>
    [...one.querySelectorAll('li')].map((each) => each.innerText.trim()),
  )
  const line = order.findIndex((text) => text === 'New messages')
  assert.match(order[line - 1], /number 1$|number 1\n/)
  ann.serverIsDown = bob.serverIsDown = true
  await strict.end()
})

test('a line marks where one had left off: in another room, and before a reload', async () => {
  const [ann, bob] = await withRoom('first', ['Ann', 'Bob'])
  await bob.say('seen')
  await until(() => ann.texts(), ['seen'])
  await ann.join('second')
  for (const text of ['new', 'newer']) await bob.say(text)
  const unread = ann.page.getByRole('navigation').getByRole('button', { name: 'first 2 unread' })
  await unread.click()
  const rows = () =>
    ann.page.getByRole('log').locator('[data-test=text], [data-test=left-off]').allInnerTexts()
  await until(rows, ['seen', 'New messages', 'new', 'newer'])
  await ann.photograph('left-off')
  await ann.say('answer')
  await until(rows, ['seen', 'new', 'newer', 'answer'])
  await ann.show('second')
  await bob.say('once more')
  await ann.page.getByRole('navigation').getByRole('button', { name: 'first 1 unread' }).waitFor()
  await ann.page.reload()
  await ann.isIn('second')
  await ann.page.getByRole('navigation').getByRole('button', { name: 'first 1 unread' }).click()
  await until(rows, ['seen', 'new', 'newer', 'answer', 'New messages', 'once more'])
})

test('who writes is shown until it is said', async () => {
  const [ann, bob] = await withRoom('typing', ['Ann', 'Bob'])
  await bob.page.locator('#composer').pressSequentially('hel')
  await ann.page.getByTestId('typing').getByText('Bob is typing…').waitFor()
  await until(() => bob.page.getByTestId('typing').count(), 0)
  await ann.photograph('typing')
  await bob.page.locator('#composer').press('Enter')
  await until(() => ann.texts(), ['hel'])
  await until(() => ann.page.getByTestId('typing').count(), 0)
})

test('a private message to somebody who is away is found on coming back', async () => {
  const [ann, bob] = await withRoom('away', ['Ann', 'Bob'])
  await ann.page.getByRole('button', { name: 'Private chat with Bob' }).click()
  await ann.isIn('Bob')
  const invitation = bob.page.getByRole('navigation').getByRole('button', { name: 'Ann' })
  await invitation.waitFor()
  await bob.page.goto('about:blank')
  await ann.page.getByText('Bob is offline and will see this later.').waitFor()
  await ann.say('see you tomorrow')
  await until(() => ann.states(), ['see you tomorrow:sent'])
  await ann.photograph('away')
  await bob.page.goto(server.url)
  await bob.isIn('away')
  await bob.page.getByRole('navigation').getByRole('button', { name: 'Ann 1 unread' }).click()
  await until(() => bob.texts(), ['see you tomorrow'])
  await until(() => ann.page.getByText('Bob is offline').count(), 0)
  await bob.say('good morning')
  await until(() => ann.texts(), ['see you tomorrow', 'good morning'])
})

await run()
