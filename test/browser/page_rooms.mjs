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

await import('./page_account.mjs')
await run()
