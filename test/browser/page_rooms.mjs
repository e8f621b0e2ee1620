// Messages that are edited and deleted, rooms with owners, and who is put out of them.
import assert from 'node:assert/strict'
import { Person, Server, run, test, until } from './harness.mjs'

const server = await Server.start()

const GONE = 'This message was deleted.'

const message = (person, text) =>
  person.page.getByTestId('message').filter({ has: person.page.getByText(text, { exact: true }) })

// By the mouse, as one finds it: the button appears over the message.
async function choose(person, text, what) {
  await message(person, text).hover()
  await message(person, text).getByTestId('more').click()
  await person.page.getByRole('button', { name: what, exact: true }).click()
}

async function edit(person, text, better) {
  await choose(person, text, 'Edit')
  await person.page.getByLabel('Edit your message').fill(better)
  await person.page.getByRole('button', { name: 'Save' }).click()
}

const focused = ({ page }) =>
  page.evaluate(() => document.activeElement.id || document.activeElement.ariaLabel)

test('edits and deletes: seen by who watches, who resumes, who reloads and who comes later', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const bob = await Person.signIn(server, 'Bob', { hasLine: true })
  await ann.join('words')
  await bob.join('words')
  for (const text of ['helo', 'oops', 'third']) await ann.say(text)
  await until(() => bob.texts(), ['helo', 'oops', 'third'])
  await edit(ann, 'helo', 'hello')
  await choose(ann, 'oops', 'Delete')
  for (const person of [ann, bob]) {
    await until(() => person.texts(), ['hello', GONE, 'third'])
    await until(() => person.page.getByTestId('edited').count(), 1)
    assert.equal(await message(person, 'hello').getByTestId('edited').count(), 1)
  }
  // Only what is one's own can be changed.
  assert.equal(await bob.page.getByTestId('more').count(), 0)
  await ann.photograph('edited')
  await bob.cut()
  await edit(ann, 'third', '3rd')
  await edit(ann, '3rd', '<b>last</b>')
  await choose(ann, 'hello', 'Delete')
  await ann.say('fourth')
  const said = [GONE, GONE, '<b>last</b>', 'fourth']
  await until(() => ann.texts(), said)
  await bob.mend()
  await until(() => bob.texts(), said)
  const cara = await Person.signIn(server, 'Cara')
  await cara.join('words')
  await ann.page.reload()
  await ann.isIn('words')
  for (const person of [cara, ann]) {
    await until(() => person.texts(), said)
    await until(() => person.page.getByTestId('edited').count(), 1)
  }
})

test('with the keyboard: the last word is corrected, another one deleted, and Escape leaves all as it is', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const { keyboard } = ann.page
  await ann.join('keyboard')
  for (const text of ['one', 'two', 'threee']) await ann.say(text)
  await until(() => ann.states(), ['one:sent', 'two:sent', 'threee:sent'])
  await keyboard.press('ArrowUp')
  await until(() => focused(ann), 'editor')
  await keyboard.type('!')
  await keyboard.press('Escape')
  await until(() => focused(ann), 'composer')
  await keyboard.press('ArrowUp')
  await until(() => focused(ann), 'editor')
  await keyboard.press('Backspace')
  await keyboard.press('Enter')
  await until(() => ann.texts(), ['one', 'two', 'three'])
  await until(() => focused(ann), 'composer')
  await keyboard.press('Shift+Tab')
  await until(() => focused(ann), 'Edit or delete this message')
  await keyboard.press('ArrowUp')
  await keyboard.press('Enter')
  await until(() => ann.page.getByRole('group', { name: 'Edit or delete' }).count(), 1)
  await keyboard.press('Escape')
  await until(() => focused(ann), 'Edit or delete this message')
  await keyboard.press('Enter')
  await keyboard.press('Tab')
  await keyboard.press('Enter')
  await until(() => ann.texts(), ['one', GONE, 'three'])
  await until(() => focused(ann), 'composer')
})

test('an edit that cannot be saved says why, and the text is kept', async () => {
  const ann = await Person.signIn(server, 'Ann', { hasLine: true })
  await ann.join('offline edit')
  await ann.say('before')
  await until(() => ann.states(), ['before:sent'])
  await ann.page.locator('#composer').press('ArrowUp')
  const editor = ann.page.getByLabel('Edit your message')
  await editor.fill('x'.repeat(10001))
  await ann.page.getByText('Too long.').waitFor()
  await editor.fill('after')
  await ann.cut()
  await ann.mend()
  await until(() => editor.inputValue(), 'after')
  await editor.press('Enter')
  await until(() => ann.texts(), ['after'])
})

const dialog = ({ page }) => page.getByRole('dialog')

async function makeRoom(person, name, { kind = 'Anybody', topic = '' } = {}) {
  await person.page.getByRole('button', { name: /^All rooms/ }).click()
  await person.page.getByLabel('Name of the new room').fill(name)
  await person.page.getByLabel('Topic', { exact: true }).fill(topic)
  await person.page.getByLabel('Who may come in').selectOption(kind)
  await person.page.getByRole('button', { name: 'Create the room' }).click()
  await person.isIn(name)
}

async function members(person) {
  await person.page.getByRole('button', { name: 'Members and settings of this room' }).click()
  await dialog(person).getByTestId('member').first().waitFor()
}

// In the list of members, which stays open.
async function actOn(person, name, what, time) {
  await dialog(person)
    .getByRole('button', { name: `What to do with ${name}` })
    .click()
  if (time) await dialog(person).getByLabel('Mute or ban for').selectOption(time)
  await dialog(person).getByRole('button', { name: what, exact: true }).click()
}

const close = ({ page }) => page.keyboard.press('Escape')

test('a room of one own: listed with its topic and who is there, and joined by others', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const bob = await Person.signIn(server, 'Bob')
  await makeRoom(ann, 'garden', { topic: 'Tomatoes' })
  await ann.page.getByTestId('topic').getByText('Tomatoes').waitFor()
  const listed = bob.page.getByTestId('listed-room').filter({ hasText: 'garden' })
  // How many are in it is told to the list within about a second.
  await until(
    async () => {
      await close(bob)
      await bob.page.getByRole('button', { name: /^All rooms/ }).click()
      await listed.getByText('Tomatoes').waitFor()
      return listed.getByText('1 online').count()
    },
    1,
    'it is told that one is in it',
  )
  await bob.page.getByLabel('Find a room').fill('tomato')
  await until(() => bob.page.getByTestId('listed-room').count(), 1)
  await listed.getByRole('button', { name: 'Join garden' }).click()
  await bob.isIn('garden')
  await ann.page.getByRole('button', { name: 'Members and settings' }).click()
  await ann.page.getByLabel('Topic', { exact: true }).fill('Tomatoes and beans')
  await ann.page.getByRole('button', { name: 'Set the topic' }).click()
  await bob.page.getByTestId('topic').getByText('Tomatoes and beans').waitFor()
  // Who made it owns it, and the other one cannot change anything.
  await until(() => dialog(ann).getByTestId('member').count(), 2)
  await dialog(ann).getByText('Owner', { exact: true }).waitFor()
  await ann.photograph('members')
  await members(bob)
  await until(() => bob.page.getByLabel('Topic', { exact: true }).count(), 0)
  await until(() => dialog(bob).getByTestId('delete-room').count(), 0)
})

test('kicked and banned while chatting: told so, out, and back when one may', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const bob = await Person.signIn(server, 'Bob')
  await makeRoom(ann, 'order')
  await bob.join('order')
  await bob.say('mean words')
  await until(() => ann.texts(), ['mean words'])
  // The owner takes away what somebody else said.
  await choose(ann, 'mean words', 'Delete')
  for (const person of [ann, bob]) await until(() => person.texts(), [GONE])
  await members(ann)
  await actOn(ann, 'Bob', 'Remove')
  await bob.page.getByTestId('out').getByText('You were removed from this room by Ann.').waitFor()
  await until(() => bob.page.locator('#composer').evaluate((one) => one.readOnly), true)
  await until(() => dialog(ann).getByTestId('member').count(), 1)
  await bob.page.reload()
  await bob.page.locator('[data-phase=connected]').waitFor({ state: 'attached' })
  await until(() => bob.page.getByRole('navigation').getByRole('button').count(), 0)
  await bob.join('order')
  await until(() => bob.texts(), [GONE])
  // Muted one reads, and is told why nobody hears one.
  await close(ann)
  await members(ann)
  await actOn(ann, 'Bob', 'Mute', '10 minutes')
  await dialog(ann).getByText('Bob is muted for 10 minutes.').waitFor()
  await bob.page.getByTestId('muted').getByText('You are muted in this room until').waitFor()
  await bob.say('may I?')
  await bob.page.getByTestId('failed').waitFor()
  await actOn(ann, 'Bob', 'Unmute')
  await until(() => bob.page.getByTestId('muted').count(), 0)
  await bob.page.getByRole('button', { name: 'Try again' }).click()
  await until(() => ann.texts(), [GONE, 'may I?'])
  await actOn(ann, 'Bob', 'Ban', '1 hour')
  await bob.page.getByTestId('out').getByText('You are banned from this room until').waitFor()
  await until(() => bob.page.getByRole('button', { name: 'Join again' }).isDisabled(), true)
  await bob.photograph('banned')
  const banned = dialog(ann).getByTestId('banned')
  await until(() => banned.count(), 1)
  await bob.page.reload()
  await bob.page.getByLabel('Name of the room to join').fill('order')
  await bob.page.getByLabel('Name of the room to join').press('Enter')
  await bob.page
    .locator('#join-problem')
    .getByText(/banned/)
    .waitFor()
  await banned.getByRole('button').click()
  await until(() => banned.count(), 0)
  await bob.page.getByLabel('Name of the room to join').press('Enter')
  await bob.isIn('order')
  await until(() => bob.texts(), [GONE, 'may I?'])
})

test('a moderator is made, an owner follows, and a room is deleted for everybody', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const bob = await Person.signIn(server, 'Bob')
  const eve = await Person.signIn(server, 'Eve')
  await makeRoom(ann, 'hands')
  await bob.join('hands')
  await eve.join('hands')
  await eve.join('elsewhere')
  const away = await Person.signIn(server, 'Away', { hasLine: true })
  await away.join('hands')
  await away.cut()
  await members(ann)
  await actOn(ann, 'Bob', 'Make moderator')
  await dialog(ann).getByText('Moderator', { exact: true }).waitFor()
  for (const person of [ann, bob]) person.page.on('dialog', (asked) => asked.accept())
  await actOn(ann, 'Bob', 'Make owner')
  await dialog(ann).getByText('Bob is the owner now.').waitFor()
  await close(ann)
  await members(bob)
  await dialog(bob).getByTestId('delete-room').click()
  await ann.page.getByTestId('out').getByText('This room was deleted').waitFor()
  // Who looks elsewhere is told, too.
  await eve.page.getByTestId('statuses').getByText('hands: This room was deleted').waitFor()
  await until(
    () => eve.page.getByRole('navigation').getByRole('button', { name: 'hands deleted' }).count(),
    1,
  )
  // Whose connection was gone meanwhile does not make another one by coming back.
  await away.mend()
  await away.page.getByTestId('out').getByText('This room was deleted').waitFor()
})

test('only who is invited comes in, and finds the room in the list', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const bob = await Person.signIn(server, 'Bob')
  await makeRoom(ann, 'closed circle', { kind: 'Only who is invited' })
  await bob.page.getByLabel('Name of the room to join').fill('closed circle')
  await bob.page.getByLabel('Name of the room to join').press('Enter')
  await until(async () => (await bob.page.locator('#join-problem').textContent()) !== '', true)
  await ann.page.getByRole('button', { name: 'Members and settings' }).click()
  await ann.page.getByLabel('Invite somebody').fill('bo')
  await ann.page.getByRole('button', { name: 'Invite Bob' }).click()
  await dialog(ann).getByText('Bob is invited.').waitFor()
  await bob.page.getByRole('button', { name: /^All rooms/ }).click()
  await bob.page.getByRole('button', { name: 'Join closed circle' }).click()
  await bob.isIn('closed circle')
  await until(() => dialog(bob).count(), 0)
})

test('whom one has blocked cannot write in private, and is told', async () => {
  const ann = await Person.signIn(server, 'Ann')
  const bob = await Person.signIn(server, 'Bob')
  await bob.page.getByRole('button', { name: 'Private chat with Ann' }).click()
  await bob.isIn('Ann')
  await bob.say('hello')
  await ann.page.getByRole('navigation').getByRole('button', { name: 'Bob 1 unread' }).click()
  await ann.page.getByRole('button', { name: 'Block Bob' }).click()
  await ann.page.getByText('You have blocked Bob').waitFor()
  await bob.say('hello?')
  await bob.page.getByTestId('failed').waitFor()
  await until(() => ann.texts(), ['hello'])
  await ann.page.getByRole('button', { name: 'Settings' }).click()
  await ann.page.getByRole('button', { name: 'Unblock Bob' }).click()
  await dialog(ann).getByText('Nobody.').waitFor()
  await close(ann)
  await bob.page.getByRole('button', { name: 'Try again' }).click()
  await until(() => ann.texts(), ['hello', 'hello?'])
})

test('on a phone the dialogs fit, and give the focus back', async () => {
  const phone = { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true }
  const ann = await Person.signIn(server, 'Ann', phone)
  await ann.page.getByRole('main').getByRole('button', { name: 'See all rooms' }).tap()
  await ann.page.getByLabel('Name of the new room').fill('pocket')
  await ann.page.getByRole('button', { name: 'Create the room' }).tap()
  await ann.isIn('pocket')
  await ann.say('small')
  const opener = ann.page.getByRole('button', { name: 'Members and settings' })
  await opener.tap()
  await dialog(ann).getByTestId('member').first().waitFor()
  await ann.photograph('phone-members')
  await until(() => ann.page.evaluate(() => document.documentElement.scrollWidth), 320)
  await until(
    () => dialog(ann).evaluate((one) => one.getBoundingClientRect().right <= innerWidth),
    true,
  )
  await close(ann)
  await until(() => opener.evaluate((one) => one === document.activeElement), true, 'focus is back')
  await ann.page.getByTestId('more').tap()
  await ann.page.getByRole('button', { name: 'Delete', exact: true }).tap()
  await until(() => ann.texts(), [GONE])
})

await import('./page_account.mjs')
await run()
