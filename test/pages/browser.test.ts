import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { contentSecurityPolicy } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import { until } from '../kit/operations.ts'
import { probes } from './probes.ts'
import { servePages } from './server.ts'
import { allPages, exampleText } from './views.ts'

const viewport = { width: 1000, height: 800 }
const quiet = { authenticator: false } as const

/** Opens what is folded and shows the steps that come later, so that all of a page is judged. */
async function unfold(page: Page): Promise<void> {
  await page.evaluate(() => {
    const { document } = globalThis as unknown as { document: any }
    for (const details of document.querySelectorAll('details')) details.open = true
    for (const step of document.querySelectorAll('.step')) step.hidden = false
  })
}

/** Notes, inside the page, which element has the focus each time it moves. */
async function watchFocus(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { document, getComputedStyle, walked } = globalThis as unknown as Record<string, any>
    const reachable = 'a[href], button, input:not([type=hidden]), summary'
    const targets = [...document.querySelectorAll(reachable)]
    ;(globalThis as any).walked = walked ?? []
    document.addEventListener('focusin', ({ target }: { target: any }) => {
      const box = target.getBoundingClientRect()
      ;(globalThis as any).walked.push({
        order: targets.indexOf(target),
        outline: getComputedStyle(target).outlineStyle,
        shown: box.width > 0 && box.height > 0 && box.left >= 0,
      })
    })
    return targets.length
  })
}

async function objections(page: Page, rules?: string[]): Promise<string[]> {
  const builder = new AxeBuilder({ page }).setLegacyMode(true)
  const { violations, passes } = await (
    rules === undefined
      ? builder.withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
      : builder.withRules(rules)
  ).analyze()
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`)
  return passes.some(({ id }) => id === 'color-contrast') ? found : [...found, 'no colour judged']
}

test('pages in a real browser', async (t) => {
  await using server = await servePages(allPages({ text: exampleText }))
  // The offer of a passkey in the field asks for options; it is of no interest here.
  server.replies.set('/webauthn/authentication/options', { json: {} })
  await withBrowser(async ({ newPersona }) => {
    const person = await newPersona({ ...quiet, context: { viewport, colorScheme: 'light' } })
    const { page } = person
    for (const name of server.pages.keys()) {
      await t.test(`the page ${name}`, async (t) => {
        await page.goto(`${server.origin}/${name}`)

        await t.test('breaks no policy and is styled under it', async () => {
          assert.deepEqual(person.violations(), [])
          const ground = await page.evaluate(() => {
            const { document, getComputedStyle } = globalThis as unknown as Record<string, any>
            return getComputedStyle(document.body).backgroundColor
          })
          assert.equal(ground, 'rgb(243, 245, 242)')
        })

        await unfold(page)

        await t.test('has nothing that axe objects to, in light and in dark colours', async () => {
          assert.deepEqual(await objections(page), [])
          await page.emulateMedia({ colorScheme: 'dark' })
          assert.deepEqual(await objections(page, ['color-contrast']), [])
          await page.emulateMedia({ colorScheme: 'light' })
        })

        await t.test('can be walked by keyboard in the order it is read', async () => {
          const count = await watchFocus(page)
          for (let step = 0; step < count; step++) await page.keyboard.press('Tab')
          assert.deepEqual(
            await page.evaluate(() => (globalThis as any).walked),
            Array.from({ length: count }, (_, order) => ({ order, outline: 'solid', shown: true })),
          )
        })

        await t.test('has targets of 44 pixels and fits a screen of 320', async () => {
          await page.setViewportSize({ width: 320, height: 640 })
          const { small, width } = await page.evaluate(() => {
            const { document } = globalThis as unknown as { document: any }
            const targets = document.querySelectorAll(
              'main a, header a, button, input:not([type=hidden]), summary',
            )
            return {
              small: [...targets]
                .filter((one) => {
                  const box = one.getBoundingClientRect()
                  return box.height < 44 || box.width < 44
                })
                .map((one) => one.outerHTML),
              width: document.scrollingElement.scrollWidth,
            }
          })
          assert.deepEqual(small, [])
          assert.ok(width <= 320, `it is ${width} wide`)
          await page.setViewportSize(viewport)
        })
      })
    }

    await t.test('all together log no error and reach no other host', () => {
      assert.deepEqual([...person.requestHosts], [new URL(server.origin).host])
      assert.deepEqual(person.errors, [])
    })

    await t.test('let the keyboard skip to the content', async () => {
      await page.goto(`${server.origin}/account`)
      await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
      await page.waitForURL(/#/)
      await page.keyboard.press('Tab')
      assert.equal(
        await page.evaluate(() => (globalThis as any).document.activeElement.textContent),
        'Add a passkey',
      )
    })
    await person.close()
  })
})

test('texts that would run', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    await using server = await servePages(new Map())
    server.replies.set('/webauthn/authentication/options', { json: {} })
    const person = await newPersona({ ...quiet, context: { viewport } })
    for (const [kind, probe] of Object.entries(probes)) {
      await t.test(`stay text in every field of every page: ${kind}`, async () => {
        const pages = allPages({ text: () => probe, address: () => probe })
        for (const [name, page] of pages) server.pages.set(name, page)
        for (const name of server.pages.keys()) {
          await person.page.goto(`${server.origin}/${name}`, { waitUntil: 'load' })
          await unfold(person.page)
          const planted = await person.page.evaluate(() => {
            const { document } = globalThis as unknown as { document: any }
            const strange =
              'img, base, iframe, object, [onerror], [onload], [onfocus], [onmouseover]'
            return [
              document.querySelectorAll(strange).length,
              document.querySelectorAll('meta[http-equiv]').length,
              document.querySelectorAll('script:not([src])').length,
              document.querySelectorAll('a[href^="javascript:" i]').length,
            ]
          })
          assert.deepEqual(planted, [0, 0, 0, 0], name)
          const link = person.page.locator('a[href]:not(.skip)').first()
          if (name === 'console') assert.equal(await link.count(), 0)
        }
        assert.deepEqual(person.dialogs, [])
        assert.deepEqual(person.violations(), [])
        assert.deepEqual([...person.requestHosts], [new URL(server.origin).host])
      })
    }
    await person.close()
  })
})

test('the policy the pages are served with forbids what they do not do', async () => {
  await withBrowser(async ({ newPersona }) => {
    await using server = await servePages(allPages({ text: exampleText }))
    server.replies.set('/webauthn/authentication/options', { json: {} })
    const ada = await newPersona(quiet)
    await ada.page.goto(`${server.origin}/sign-in`)
    assert.match(contentSecurityPolicy(), /trusted-types 'none'/)
    await ada.page.evaluate(() => {
      const { document } = globalThis as any
      const script = document.createElement('script')
      try {
        script.textContent = 'alert(1)'
      } catch {
        // Trusted Types refuse the text.
      }
      document.body.append(script)
      const image = document.createElement('img')
      image.src = 'http://elsewhere.example/x.png'
      document.body.append(image)
    })
    await until('both are forbidden', () => ada.violations().length >= 2)
    assert.deepEqual(ada.dialogs, [])
    await ada.close()
  })
})
