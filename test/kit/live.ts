import assert from 'node:assert/strict'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { english } from '../../src/pages/index.ts'
import type { Authenticator, Persona } from './browser.ts'
import { proofgate } from './gateway.ts'
import type { GatewayFacts } from './gateway.ts'

/** What a live page may weigh with its style sheets and scripts, as they travel. */
const mostBytes = 20_000

/**
 * Holds one live page against what every page promises: nothing that axe objects to in light and in dark,
 * nothing hidden left out, and under 20 KB with all it loads.
 */
export async function inspect(page: Page): Promise<void> {
  await page.locator('main').waitFor()
  await page.waitForLoadState()
  const where = `${page.url()} (${await page.title()})`
  await assertSmall(page, where)
  await unfold(page)
  await page.emulateMedia({ colorScheme: 'light' })
  await assertAccessible(page, where)
  await page.emulateMedia({ colorScheme: 'dark' })
  await assertAccessible(page, `${where} in the dark`, ['color-contrast'])
  await page.emulateMedia({ colorScheme: 'light' })
}

async function assertAccessible(page: Page, where: string, rules?: string[]): Promise<void> {
  const builder = new AxeBuilder({ page }).setLegacyMode(true)
  const { violations } = await (
    rules === undefined
      ? builder.withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
      : builder.withRules(rules)
  ).analyze()
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`)
  assert.deepEqual(found, [], where)
}

/** Bytes as served, headers apart: the document, its style sheets and its scripts. */
export function weightOf(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { performance } = globalThis as any
    const loaded = performance
      .getEntriesByType('resource')
      .filter(({ name }: { name: string }) => name.includes('/assets/'))
    return [...performance.getEntriesByType('navigation'), ...loaded].reduce(
      (total: number, entry: any) => total + entry.encodedBodySize,
      0,
    )
  })
}

async function assertSmall(page: Page, where: string): Promise<void> {
  const weight = await weightOf(page)
  assert.ok(weight > 1000, `${where}: ${weight} bytes were counted`)
  assert.ok(weight < mostBytes, `${where} is ${weight} bytes`)
}

/** Opens what is folded, so that all of a page is judged. */
async function unfold(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const one of (globalThis as any).document.querySelectorAll('details')) one.open = true
  })
}

/**
 * Holds what a persona's browser did against what it should: no error in the console apart from those named,
 * no policy violated, no dialog, and no host but ours.
 */
export function assertQuiet(persona: Persona, expected: readonly RegExp[] = []): void {
  const errors = persona.errors.filter((text) => !expected.some((one) => one.test(text)))
  assert.deepEqual(errors, [])
  assert.deepEqual(persona.violations(), [])
  assert.deepEqual(persona.dialogs, [])
  for (const host of persona.requestHosts) {
    assert.match(host, /^(?:[a-z]+\.proofgate\.)?localhost:\d+$|^127\.0\.0\.1:\d+$/)
  }
}

/** What Chromium logs for an answer that says no; not a fault of the page. */
export function statusLogged(status: number): RegExp {
  return new RegExp(`the server responded with a status of ${status} `)
}

/** Keeps the waiting offer of a passkey in the field from signing in, so that the button has to. */
export async function withoutAutofill(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const { PublicKeyCredential } = globalThis as any
    if (PublicKeyCredential !== undefined) {
      PublicKeyCredential.isConditionalMediationAvailable = async () => false
    }
  })
}

/** Presses a button once the page's script is there to hear it, also on a page that is just coming. */
export async function press(page: Page, name: string): Promise<void> {
  const button = page.getByRole('button', { name, exact: true })
  await button.waitFor()
  await page.waitForLoadState()
  await button.click()
}

/** Goes to a button or link with the Tab key alone, and presses Enter. */
export async function enterOn(page: Page, name: string): Promise<void> {
  await page.getByText(name, { exact: true }).first().waitFor()
  await page.waitForLoadState()
  for (let tabs = 0; tabs < 30; tabs++) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(
      () => (globalThis as any).document.activeElement?.textContent.trim() as string,
    )
    if (focused !== name) continue
    await page.keyboard.press('Enter')
    return
  }
  assert.fail(`no key leads to ${name}`)
}

/** Waits until the page's live region says something. */
export async function says(page: Page, text: string): Promise<void> {
  await page.locator('#status', { hasText: text }).waitFor()
}

/** The JSON that a page of an API shows. */
export async function shownJson(page: Page): Promise<any> {
  return JSON.parse(
    await page.evaluate(() => (globalThis as any).document.body.innerText as string),
  )
}

/** An enrolment link for somebody, made by the command line; a new person is put into the groups. */
export async function invite(
  gateway: Pick<GatewayFacts, 'dataDirectory'>,
  username: string,
  groups: readonly string[] = [],
): Promise<string> {
  const { code, stdout, stderr } = await proofgate([
    'invite',
    username,
    ...groups.flatMap((group) => ['--group', group]),
    '--data-dir',
    gateway.dataDirectory,
    '--json',
  ])
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout).link
}

/** Follows an enrolment link to the account page, with one passkey. */
export async function enrolHere(page: Page, link: string): Promise<void> {
  await page.goto(link)
  await press(page, english.enrol.create)
  await says(page, english.enrol.created)
  const skip = page.getByRole('link', { name: english.enrol.skip })
  await skip.click()
  await page.getByRole('heading', { name: english.enrol.secondHeading }).waitFor()
  await skip.click()
  await page.waitForURL('**/account')
}

/**
 * Puts what one virtual authenticator holds into another, in place of what was there. The counters go on
 * from where they were, so of two copies only the last one used is not taken for a clone.
 */
export async function copyPasskeys(from: Authenticator, to: Authenticator): Promise<void> {
  const { credentials } = await from.session.send('WebAuthn.getCredentials', {
    authenticatorId: from.id,
  })
  await to.session.send('WebAuthn.clearCredentials', { authenticatorId: to.id })
  for (const credential of credentials) {
    await to.session.send('WebAuthn.addCredential', { authenticatorId: to.id, credential })
  }
}
