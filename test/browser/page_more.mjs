// The list of people, the keyboard, and small and dark screens.
import assert from 'node:assert/strict'
import { Person, Server, test, until } from './harness.mjs'

const server = await Server.start()

async function withRoom(room, ...names) {
  const people = []
  for (const name of names) {
    const person = await Person.signIn(server, name)
    await person.join(room)
    people.push(person)
  }
  return people
}

test('a long list of people: only what is in sight is drawn, and the filter finds the rest', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const crowd = await Person.arrive(server)
  // Chromium opens at most 255 sockets to one host.
  await crowd.page.evaluate(async () => {
    window.sockets = Array.from({ length: 200 }, (_, i) => {
      const name = encodeURIComponent(`Person ${i} of a rather long name, too long for its line`)
      return new WebSocket(`ws://${location.host}/ws?name=${name.slice(0, 60)}`)
    })
    await Promise.all(window.sockets.map((one) => new Promise((resume) => (one.onopen = resume))))
  })
  await ann.page.getByRole('heading', { name: 'People online 201' }).waitFor()
  const rows = ann.page.getByTestId('person')
  await until(async () => (await rows.count()) < 40, true)
  await ann.page.getByLabel('Find a person by name').fill('person 199')
  await until(() => rows.count(), 1)
  await ann.page.getByLabel('Find a person by name').fill('')
  await ann.page.locator('.people .list').evaluate((list) => (list.scrollTop = list.scrollHeight))
  await rows.getByText('Person 199').waitFor()
  await ann.photograph('people')
  await crowd.page.evaluate(() => window.sockets.forEach((one) => one.close()))
  await ann.page.getByRole('heading', { name: 'People online 1', exact: true }).waitFor()
})

test('new messages do not take away what one reads, and a button goes to them', async () => {
  const [ann, bob] = await withRoom('scroll', 'Ann', 'Bob')
  const log = ann.page.getByRole('log')
  const fromBottom = () =>
    log.evaluate((one) => Math.round(one.scrollHeight - one.scrollTop - one.clientHeight))
  for (let i = 0; i < 30; i += 1) await bob.say(`line ${i}\nof two`)
  await ann.page.getByText('line 29').waitFor()
  await until(fromBottom, 0, 'stays at the bottom')
  await log.evaluate((one) => (one.scrollTop = 0))
  await ann.page.getByRole('button', { name: 'To the newest' }).waitFor()
  await bob.say('unseen')
  const button = ann.page.getByRole('button', { name: '1 new message' })
  await button.waitFor()
  assert.equal(await log.evaluate((one) => one.scrollTop), 0)
  await button.click()
  await until(fromBottom, 0)
  await until(() => button.count(), 0)
})

test('with the keyboard alone: sign in, join, write, change rooms, leave', async () => {
  const ann = await Person.arrive(server)
  const { keyboard } = ann.page
  const focused = () =>
    ann.page.evaluate(() => {
      const { id, ariaLabel, innerText } = document.activeElement
      return id || ariaLabel || innerText.trim()
    })
  await until(focused, 'name')
  await keyboard.type('Ann')
  await keyboard.press('Enter')
  await until(focused, 'join-name')
  await keyboard.type('keys')
  await keyboard.press('Enter')
  await until(focused, 'composer')
  await keyboard.type('first line')
  await keyboard.press('Shift+Enter')
  await keyboard.type('second line')
  await keyboard.press('Enter')
  await until(() => ann.states(), ['first line\nsecond line:sent'])
  // From the top of the page: the link that skips the lists, then the lists themselves.
  await ann.page.evaluate(() => document.activeElement.blur())
  const tabTo = async (name) => {
    for (let i = 0; i < 30 && (await focused()) !== name; i += 1) await keyboard.press('Tab')
    assert.equal(await focused(), name)
  }
  await tabTo('Skip to the conversation')
  await keyboard.press('Enter')
  await until(focused, 'composer')
  // What one said can be changed: one stop for all messages, and the arrows go on from there.
  await keyboard.press('Shift+Tab')
  assert.equal(await focused(), 'Edit or delete this message')
  await keyboard.press('Shift+Tab')
  assert.equal(await focused(), 'Messages')
  await keyboard.press('Shift+Tab')
  assert.equal(await focused(), 'Leave this room')
  await keyboard.press('Enter')
  await until(focused, 'join-name')
})

test('on the screen of a phone the lists are drawers, and nothing is cut off', async () => {
  const phone = { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true }
  const ann = await Person.signIn(server, 'Ann', phone)
  const phil = await Person.signIn(server, 'Phil')
  const rooms = ann.page.getByRole('button', { name: /^Rooms and private chats/ })
  await ann.page.getByRole('main').getByRole('button', { name: 'Join a room' }).tap()
  await ann.page.getByLabel('Name of the room to join').fill('phone')
  await ann.page.getByLabel('Name of the room to join').press('Enter')
  await ann.isIn('phone')
  await phil.join('phone')
  await phil.say(
    `${'averylongwordwithoutanyspace'.repeat(6)} https://example.org/${'path/'.repeat(20)}`,
  )
  await ann.say('Hello from a phone')
  await until(() => phil.texts().then((all) => all.length), 2)
  await until(() => ann.page.evaluate(() => document.documentElement.scrollWidth), 320)
  await ann.photograph('phone')
  await rooms.tap()
  const field = ann.page.getByLabel('Name of the room to join')
  await until(
    () => field.evaluate((one) => one === document.activeElement),
    true,
    'focus in the drawer',
  )
  await until(() => ann.page.locator('main').evaluate((one) => one.inert), true)
  await ann.photograph('phone-rooms')
  await ann.page.keyboard.press('Escape')
  await until(() => rooms.evaluate((one) => one === document.activeElement), true, 'focus is back')
  await ann.page.getByRole('button', { name: /^People online/ }).tap()
  await ann.page.getByRole('button', { name: 'Private chat with Phil' }).tap()
  await ann.isIn('Phil')
})

test('a room in light and in dark', async () => {
  const names = ['Ada Lovelace', 'Grace Hopper', 'Katherine Johnson', 'Alan Turing']
  const [ada, grace, katherine, alan] = await withRoom('mission-control', ...names)
  await grace.join('compilers')
  await ada.join('compilers')
  await ada.show('mission-control')
  await grace.show('mission-control')
  const talk = [
    [katherine, 'Good morning, everyone. The trajectory for Thursday is ready for a second look.'],
    [grace, 'On it. Which of the two windows did you take?'],
    [
      katherine,
      'The early one. It leaves us forty minutes to spare,\nand the return is over water in daylight.',
    ],
    [ada, 'I went through the tables last night and found nothing to correct.'],
    [ada, 'Shall we freeze it, then?'],
    [alan, 'Give me ten minutes to run it once more'],
  ]
  const said = []
  for (const [person, text] of talk) {
    await person.say(text)
    said.push(text)
    await until(() => ada.texts(), said)
  }
  await grace.show('compilers')
  await grace.say('The nightly build is green again.')
  await alan.page.getByRole('button', { name: 'Private chat with Ada Lovelace' }).click()
  await alan.isIn('Ada Lovelace')
  await alan.say('Ada, one question about note G…')
  await ada.page.getByRole('button', { name: 'Alan Turing 1 unread' }).waitFor()
  await ada.page.getByRole('button', { name: 'compilers 1 unread' }).waitFor()
  await ada.page.setViewportSize({ width: 1200, height: 720 })
  await ada.photograph('light')
  await ada.page.emulateMedia({ colorScheme: 'dark' })
  await ada.photograph('dark')
})
