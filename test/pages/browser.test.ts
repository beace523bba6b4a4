import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { withBrowser } from '../kit/browser.ts'
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

test('pages in a real browser', async (t) => {
  await using server = await servePages(allPages({ text: exampleText }))
  // The offer of a passkey in the field asks for options; it is of no interest here.
  server.replies.set('/webauthn/authentication/options', { json: {} })
  await withBrowser(async ({ newPersona }) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await t.test(`have nothing that axe objects to in ${colorScheme} colours`, async () => {
        const person = await newPersona({ ...quiet, context: { colorScheme, viewport } })
        for (const name of server.pages.keys()) {
          await person.page.goto(`${server.origin}/${name}`)
          await unfold(person.page)
          const { violations, passes } = await new AxeBuilder({ page: person.page })
            .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
            .analyze()
          const found = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`)
          assert.deepEqual(found, [], name)
          assert.ok(
            passes.some(({ id }) => id === 'color-contrast'),
            `${name}: no colour judged`,
          )
        }
        await person.close()
      })
    }

    await t.test('break no policy, log no error and reach no other host', async () => {
      const person = await newPersona({ ...quiet, context: { viewport } })
      for (const name of server.pages.keys()) {
        await person.page.goto(`${server.origin}/${name}`)
        assert.deepEqual(person.violations(), [], name)
      }
      assert.deepEqual([...person.requestHosts], [new URL(server.origin).host])
      assert.deepEqual(person.errors, [])
      await person.close()
    })

    await t.test('are styled under their policy', async () => {
      const person = await newPersona({ ...quiet, context: { viewport, colorScheme: 'light' } })
      for (const name of server.pages.keys()) {
        await person.page.goto(`${server.origin}/${name}`)
        const ground = await person.page.evaluate(() => {
          const { document, getComputedStyle } = globalThis as unknown as Record<string, any>
          return getComputedStyle(document.body).backgroundColor
        })
        assert.equal(ground, 'rgb(243, 245, 242)', name)
      }
      await person.close()
    })

    await t.test('can be walked by keyboard in the order they are read', async () => {
      const person = await newPersona({ ...quiet, context: { viewport } })
      for (const name of server.pages.keys()) {
        await person.page.goto(`${server.origin}/${name}`)
        await unfold(person.page)
        const expected = await person.page.evaluate(() => {
          const { document } = globalThis as unknown as { document: any }
          const reachable = 'a[href], button, input:not([type=hidden]), summary'
          return [...document.querySelectorAll(reachable)].map((one, index) => {
            one.dataset.order = String(index)
            return String(index)
          })
        })
        const walked: { order?: string; outline: string; shown: boolean }[] = []
        for (const _ of expected) {
          await person.page.keyboard.press('Tab')
          walked.push(
            await person.page.evaluate(() => {
              const { document, getComputedStyle } = globalThis as unknown as Record<string, any>
              const one = document.activeElement
              const box = one.getBoundingClientRect()
              return {
                order: one.dataset.order,
                outline: getComputedStyle(one).outlineStyle,
                shown: box.width > 0 && box.height > 0 && box.left >= 0,
              }
            }),
          )
        }
        assert.deepEqual(
          walked,
          expected.map((order) => ({ order, outline: 'solid', shown: true })),
          name,
        )
      }
      await person.close()
    })

    await t.test('let the keyboard skip to the content', async () => {
      const person = await newPersona({ ...quiet, context: { viewport } })
      await person.page.goto(`${server.origin}/account`)
      await person.page.keyboard.press('Tab')
      await person.page.keyboard.press('Enter')
      await person.page.keyboard.press('Tab')
      assert.equal(
        await person.page.evaluate(() => (globalThis as any).document.activeElement.textContent),
        'Add a passkey',
      )
      await person.close()
    })

    await t.test('have targets of 44 pixels and fit a screen of 320', async () => {
      const person = await newPersona({
        ...quiet,
        context: { viewport: { width: 320, height: 640 } },
      })
      for (const name of server.pages.keys()) {
        await person.page.goto(`${server.origin}/${name}`)
        await unfold(person.page)
        const { small, width } = await person.page.evaluate(() => {
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
        assert.deepEqual(small, [], name)
        assert.ok(width <= 320, `${name} is ${width} wide`)
      }
      await person.close()
    })
  })
})

test('texts that would run', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    for (const [kind, probe] of Object.entries(probes)) {
      await t.test(`stay text in every field of every page: ${kind}`, async () => {
        await using server = await servePages(allPages({ text: () => probe, address: () => probe }))
        server.replies.set('/webauthn/authentication/options', { json: {} })
        const person = await newPersona({ ...quiet, context: { viewport } })
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
        await person.close()
      })
    }
  })
})
