import assert from 'node:assert/strict'
import { Person, Server, run, test, until } from './harness.mjs'

const server = await Server.start()

test('the page comes with its security headers, and from nowhere else', async () => {
  const ann = await Person.arrive(server)
  const headers = await ann.response.allHeaders()
  const policy = headers['content-security-policy']
  assert.match(policy, /default-src 'none'/)
  assert.match(policy, /frame-ancestors 'none'/)
  assert.doesNotMatch(policy, /unsafe/)
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.equal(headers['referrer-policy'], 'no-referrer')
  await until(() => ann.page.locator('style, script:not([src])').count(), 0, 'inline code')
})

test('the browser and the server agree on compression, and the page works with it', async () => {
  const counters = async () => {
    const text = await (await fetch(new URL('metrics', server.url))).text()
    const value = (name) => Number(text.match(new RegExp(`^${name} (.*)$`, 'm'))[1])
    return {
      clients: value('chatd_clients_deflating_total'),
      plain: value('chatd_deflate_plain_bytes_total'),
      packed: value('chatd_deflate_bytes_total'),
    }
  }
  const before = await counters()
  const ann = await Person.signIn(server, 'Ann')
  await ann.join('packed')
  const text = 'What can be said in few words, said in many. '.repeat(20).trim()
  await ann.say(text)
  await until(() => ann.states(), [`${text}:sent`])
  const after = await counters()
  assert.equal(after.clients - before.clients, 1)
  assert.ok(after.packed - before.packed < (after.plain - before.plain) * 0.7, JSON.stringify(after))
})

test('a name that will not do is told at its field, and is kept for the next visit', async () => {
  const ann = await Person.arrive(server)
  const field = ann.page.getByLabel('Your name')
  await ann.page.getByRole('button', { name: 'Enter the chat' }).click()
  await ann.page.getByText('Please enter a name.').waitFor()
  await field.fill('é'.repeat(33))
  await field.press('Enter')
  await ann.page.getByText('too long').waitFor()
  await until(() => field.getAttribute('aria-invalid'), 'true')
  await ann.enter('Ann & Söhne?')
  await ann.join('kept')
  await ann.page.getByRole('button', { name: /Sign out/ }).click()
  await until(() => field.inputValue(), 'Ann & Söhne?')
  await field.press('Enter')
  await ann.page.getByRole('button', { name: 'kept' }).click()
  await ann.isIn('kept')
})

test('tabs of one browser: under one name the same person, under two names two', async () => {
  const ann = await Person.signIn(server, 'Ann')
  await ann.join('tabs')
  const again = await ann.openTab(server)
  await again.enter('Ann')
  await again.page.getByRole('heading', { name: 'People online 1', exact: true }).waitFor()
  await again.show('tabs')
  await again.say('from the other tab')
  await until(() => ann.states(), ['from the other tab:sent'])
  const bob = await ann.openTab(server)
  await bob.enter('Bob')
  await bob.page.getByRole('heading', { name: 'People online 2' }).waitFor()
  await until(() => bob.page.getByRole('navigation').getByRole('button').count(), 0)
  // A reload changes nothing of it.
  for (const person of [ann, bob]) await person.page.reload()
  await ann.isIn('tabs')
  await until(() => ann.states(), ['from the other tab:sent'])
  await bob.page.getByRole('heading', { name: 'Hello, Bob' }).waitFor()
  await bob.page.getByRole('heading', { name: 'People online 2' }).waitFor()
})

test('two people in one room: both directions, in order, each once', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const bob = await Person.signIn(server, 'Bob')
  await ann.join('lobby')
  await bob.join('lobby')
  await ann.page.getByTestId('notice').getByText('Bob joined the room').waitFor()
  const said = []
  for (const [person, text] of [
    [ann, 'one'],
    [bob, 'two'],
    [ann, 'three\nin two lines'],
    [bob, 'four'],
  ]) {
    await person.say(text)
    said.push(text)
    await until(() => ann.texts(), said)
    await until(() => bob.texts(), said)
  }
  await until(
    () => ann.states(),
    said.map((text) => `${text}:sent`),
  )
  const first = bob.page.getByTestId('message').first()
  assert.match(await first.textContent(), /Ann/)
  assert.match(await first.locator('time').getAttribute('datetime'), /^\d{4}-\d\d-\d\dT/)
  await bob.page.getByText('Today', { exact: true }).waitFor()
})

test('what is said fast arrives in the order in which it was said', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const bob = await Person.signIn(server, 'Bob')
  await ann.join('fast')
  await bob.join('fast')
  const said = Array.from({ length: 40 }, (_, i) => `message ${i}`)
  for (const text of said) await ann.say(text)
  await until(() => bob.texts(), said)
  await until(
    () => ann.states(),
    said.map((text) => `${text}:sent`),
  )
})

test('markup in a message stays text', async () => {
  const ann = await Person.signIn(server, 'Ann <i>')
  const bob = await Person.signIn(server, 'Bob')
  await ann.join('<b>room</b>')
  await bob.join('<b>room</b>')
  const text = '<img src=x onerror="document.title=1"><script>alert(1)</script> & {{ 1 + 1 }} &amp;'
  await ann.say(text)
  await until(() => bob.texts(), [text])
  await until(() => bob.page.locator('img, li b, li i, li script').count(), 0)
})

test('several rooms: unread messages are counted, also in the title', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const bob = await Person.signIn(server, 'Bob')
  for (const room of ['first', 'second']) {
    await ann.join(room)
    await bob.join(room)
  }
  await bob.show('first')
  await bob.say('a')
  await bob.say('b')
  const unread = ann.page.getByRole('navigation').getByRole('button', { name: 'first 2 unread' })
  await unread.waitFor()
  await until(() => ann.page.title(), '(2) second · chatd')
  await unread.click()
  await until(() => ann.texts(), ['a', 'b'])
  await until(() => ann.page.title(), 'first · chatd')
  const current = ann.page.locator('nav [aria-current=page]')
  await until(() => current.allInnerTexts(), ['first'])
  await ann.show('second')
  await until(() => ann.texts(), [])
})

test('leaving a room: the others are told, and nothing comes from there any more', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const bob = await Person.signIn(server, 'Bob')
  for (const room of ['stays', 'left']) {
    await ann.join(room)
    await bob.join(room)
  }
  await ann.page.getByRole('button', { name: 'Leave this room' }).click()
  await ann.isIn('stays')
  await bob.page.getByText('Ann left the room').waitFor()
  await bob.say('not for Ann')
  await bob.show('stays')
  await bob.say('for Ann')
  await until(() => ann.texts(), ['for Ann'])
  await until(() => ann.page.getByRole('navigation').getByRole('button').allInnerTexts(), ['stays'])
})

test('a private chat: opened by a button, seen by two', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const betty = await Person.signIn(server, 'Betty')
  const carl = await Person.signIn(server, 'Carl')
  await ann.page.getByLabel('Find a person by name').fill('bett')
  await ann.page.getByRole('button', { name: 'Private chat with Betty' }).click()
  await ann.isIn('Betty')
  await ann.say('psst')
  await betty.page.getByRole('navigation').getByRole('button', { name: 'Ann 1 unread' }).click()
  await until(() => betty.texts(), ['psst'])
  await betty.say('what is it?')
  await until(() => ann.texts(), ['psst', 'what is it?'])
  await ann.photograph('private')
  await until(() => carl.page.getByRole('navigation').getByRole('button').count(), 0)
  await betty.page.getByRole('button', { name: /Sign out/ }).click()
  await ann.page.getByText('Betty is offline and will see this later.').waitFor()
  await ann.say('well, later')
  await until(async () => (await ann.states()).at(-1), 'well, later:sent')
})

test('a message that is too long says so before it is sent', async () => {
  const ann = await Person.signIn(server, 'Ann')
  await ann.join('long')
  const send = ann.page.getByRole('button', { name: 'Send' })
  await ann.page.locator('#composer').fill('é'.repeat(5001))
  await ann.page.getByText('10,002 of 10,000 bytes').waitFor()
  await until(() => send.isDisabled(), true)
  await ann.page.locator('#composer').fill('é'.repeat(5000))
  await ann.page.getByText('10,000 of 10,000 bytes').waitFor()
  await send.click()
  await until(() => ann.states(), [`${'é'.repeat(5000)}:sent`])
})

test('errors stand where they belong', async () => {
  const strict = await Server.start('--max-rooms-per-client=1', '--limit-messages=1')
  const ann = await Person.signIn(strict, 'Ann')
  await ann.page.getByRole('button', { name: 'Join', exact: true }).click()
  const problem = ann.page.locator('#join-problem')
  await until(() => problem.textContent(), 'Please enter a name.')
  await ann.join('only')
  await ann.page.getByLabel('Name of the room to join').fill('one too many')
  await ann.page.getByLabel('Name of the room to join').press('Enter')
  await until(async () => (await problem.textContent()) !== '', true, 'an error at the form')
  await until(() => ann.page.getByLabel('Name of the room to join').inputValue(), 'one too many')
  for (const text of ['a', 'b', 'c']) await ann.say(text)
  await ann.photograph('errors')
  // The limit is one a second: what is refused until then is sent again by itself, in order.
  await until(() => ann.states(), ['a:sent', 'b:sent', 'c:sent'])
  ann.serverIsDown = true
  await strict.end()
})

await import('./page_more.mjs')
await import('./page_cluster.mjs')
await run()
