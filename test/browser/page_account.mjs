// Accounts on the page: who registers, signs in and out, and whose session is ended.
import assert from 'node:assert/strict'
import { Person, Server, test, until } from './harness.mjs'

const server = await Server.start()

const password = (name) => `the password of ${name}`

const dialog = ({ page }) => page.getByRole('dialog')

async function settings(person) {
  await person.page.getByRole('button', { name: 'Settings' }).click()
  await person.page.getByRole('dialog', { name: 'Settings' }).waitFor()
}

const isAtForm = ({ page }) => page.getByRole('heading', { name: 'Welcome to the chat' }).waitFor()

test('who registers is an account here, in another tab, after a reload, and with the password elsewhere', async () => {
  const ann = await Person.arrive(server)
  await ann.page.getByRole('tab', { name: 'Register' }).click()
  await ann.page.getByLabel('User name').fill('Ann')
  await ann.page.getByLabel('Password', { exact: true }).fill('short')
  await ann.page.getByRole('button', { name: 'Register', exact: true }).click()
  await ann.page.getByText('at least 8 characters').waitFor()
  await ann.enterAccount('Register', 'Ann', password('Ann'))
  await ann.isConnected()
  await ann.join('accounts')
  await ann.say('first')
  // No script sees who one is.
  const seen = await ann.page.evaluate(() => [document.cookie, JSON.stringify({ ...localStorage })])
  assert.equal(seen[0], '')
  assert.doesNotMatch(seen[1], /"token"|password of/)
  const tab = await ann.openTab(server)
  await tab.isConnected()
  await tab.join('accounts')
  await until(() => tab.texts(), ['first'])
  await ann.page.reload()
  await ann.isIn('accounts')
  await until(() => ann.states(), ['first:sent'])
  const away = await Person.arrive(server)
  away.expected = /status of 401/
  await away.enterAccount('Sign in', 'Ann', 'the wrong one')
  await until(
    async () => (await away.page.getByRole('alert').allTextContents()).join('') !== '',
    true,
  )
  await away.enterAccount('Sign in', 'Ann', password('Ann'))
  await away.isConnected()
  await away.join('accounts')
  await away.say('second')
  await until(() => ann.states(), ['first:sent', 'second:sent'])
  // One person, and one only.
  await ann.page.getByRole('heading', { name: 'People online 1', exact: true }).waitFor()
  await ann.page.getByRole('button', { name: /Sign out or/ }).click()
  await isAtForm(ann)
  await isAtForm(tab)
  await until(() => ann.page.evaluate(() => localStorage.getItem('chatd.rooms') !== null), true)
  await away.say('third')
  await until(async () => (await away.states()).at(-1), 'third:sent')
  await ann.page.reload()
  await isAtForm(ann)
})

test('a guest may come in, but not under a name that somebody has registered', async () => {
  const bea = await Person.register(server, 'Bea')
  const guest = await Person.arrive(server)
  guest.expected = /WebSocket connection to .* failed/
  await guest.page.getByLabel('Your name').fill('BEA')
  await guest.page.getByLabel('Your name').press('Enter')
  await guest.page.getByText('registered').first().waitFor()
  await guest.enter('Gus')
  await guest.join('guests')
  await bea.join('guests')
  await guest.say('hello')
  await until(() => bea.texts(), ['hello'])
})

test('sessions are listed and ended, and a new password ends the others: told at once', async () => {
  const carl = await Person.register(server, 'Carl')
  const others = []
  for (let i = 0; i < 2; i += 1) {
    const other = await Person.arrive(server)
    await other.enterAccount('Sign in', 'Carl', password('Carl'))
    await other.isConnected()
    others.push(other)
  }
  await settings(carl)
  const sessions = carl.page.getByTestId('session')
  await until(() => sessions.count(), 3)
  await carl.photograph('settings')
  await sessions.getByRole('button').first().click()
  await until(() => sessions.count(), 2)
  const left = await Promise.race(others.map((other) => isAtForm(other).then(() => other)))
  await left.page.getByText('You were signed out.').waitFor()
  const [stays] = others.filter((other) => other !== left)
  await carl.page.getByLabel('Your password').fill('not this one')
  carl.expected = /status of 40[13]/
  await carl.page.getByLabel('New password', { exact: true }).fill('a better password')
  await carl.page.getByLabel('New password again').fill('a better password')
  await carl.page.getByRole('button', { name: 'Change the password' }).click()
  await until(
    async () => (await dialog(carl).locator('#password-problem').textContent()) !== '',
    true,
  )
  await carl.page.getByLabel('Your password').fill(password('Carl'))
  await carl.page.getByRole('button', { name: 'Change the password' }).click()
  await carl.page.getByText('The password is changed').waitFor()
  await isAtForm(stays)
  await carl.page.keyboard.press('Escape')
  await carl.page.locator('[data-phase=connected]').waitFor({ state: 'attached' })
  await stays.enterAccount('Sign in', 'Carl', 'a better password')
  await stays.isConnected()
})

test('what the server does not offer is not on the form, and a link brings one in', async () => {
  const closed = await Server.start('--auth=members', '--registration=invite')
  const first = await Person.arrive(closed)
  await first.page.getByLabel('Password', { exact: true }).waitFor()
  await until(() => first.page.getByRole('tab').count(), 0)
  await until(() => first.page.getByLabel('Your name').count(), 0)
  const link = new URL(closed.admin('invite'), closed.url).href
  await first.page.goto(link)
  await first.page.getByText('You were invited.').waitFor()
  await first.enterAccount('Register', 'Dora', password('Dora'))
  await first.isConnected()
  assert.doesNotMatch(first.page.url(), /invitation/)
  const late = await Person.arrive(closed)
  late.expected = /status of 403/
  await late.page.goto(link)
  await late.enterAccount('Register', 'Late', password('Late'))
  await until(async () => (await late.page.locator('#account-problem').textContent()) !== '', true)
  // Whoever runs the server has the last word, and is heard at once.
  closed.admin('ban', 'Dora')
  await first.page.getByText('You are banned from this server.').waitFor()
  await isAtForm(first)
})
