import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import {
  assetFor,
  consentPage,
  deviceConfirmPage,
  devicePage,
  english,
  enrolPage,
  logoutPage,
  refusalStyleHash,
  ticketProblemPage,
} from '../../src/pages/index.ts'
import type { WantedKey } from '../../src/pages/index.ts'
import { probes } from './probes.ts'
import { pseudoLocale } from './pseudo-locale.ts'
import { allPages, everyKey, exampleText } from './views.ts'

const examples = allPages({ text: exampleText })

/** The tags of a page, and apart from them its text with the style sheet left out. */
function split(page: string): { tags: string[]; text: string } {
  const body = page.replace(/<style>[^]*?<\/style>/, '')
  return { tags: body.match(/<[^>]*>/g) ?? [], text: body.replace(/<[^>]*>/g, '\n') }
}

for (const [name, probe] of Object.entries(probes)) {
  test(`the tags of a page stay the same when every field holds ${name}`, () => {
    const harmless = allPages({ text: (field) => `x${field.length}`, address: () => '/x' })
    const hostile = allPages({ text: () => probe, address: () => '/x' })
    const shape = (page: string) => split(page).tags.map((tag) => tag.replace(/"[^"]*"/g, '""'))
    for (const [page, text] of hostile) {
      assert.deepEqual(shape(text), shape(harmless.get(page)!), page)
    }
  })
}

test('an address that is not one becomes no link', () => {
  for (const address of ['javascript:alert(1)', 'data:text/html,<script>', '//evil.example/x']) {
    for (const [name, page] of allPages({ text: exampleText, address: () => address })) {
      assert.ok(!page.includes(`"${address}"`), name)
    }
  }
})

test('a form that would lead elsewhere is a bug', () => {
  const action = 'javascript:alert(1)'
  const common = { base: '', action, xsrf: 'x' }
  assert.throws(() => devicePage(common), /not an address/)
  assert.throws(() => logoutPage(common), /not an address/)
  assert.throws(
    () =>
      consentPage({
        base: '',
        action,
        csrf: 'x',
        clientName: 'c',
        redirectHost: 'h',
        scopes: [],
        personName: 'p',
      }),
    /not an address/,
  )
})

test('no page holds an inline script, an inline style or an event attribute', () => {
  for (const [name, page] of examples) {
    const { tags } = split(page)
    for (const tag of tags) {
      assert.doesNotMatch(tag, /\son[a-z]+\s*=|\sstyle\s*=|javascript:/i, `${name}: ${tag}`)
      if (tag.startsWith('<script')) assert.match(tag, /^<script type="module" src="\/assets\//)
    }
    assert.doesNotMatch(page, /<script[^>]*>[^<]/, name)
    assert.equal(/<style/.test(page), name === 'refusal' || name === 'continue', name)
  }
})

test('every page with its style and scripts is under 20 KB', () => {
  for (const [name, page] of examples) {
    let total = Buffer.byteLength(page)
    const pending = [...page.matchAll(/assets\/([a-z-]+\.(?:css|js))/g)].map((found) => found[1]!)
    const seen = new Set<string>()
    for (let asset = pending.pop(); asset !== undefined; asset = pending.pop()) {
      if (seen.has(asset)) continue
      seen.add(asset)
      const { body } = assetFor(asset)!
      total += body.length
      for (const found of body.toString().matchAll(/'\.\/([a-z-]+\.js)/g)) pending.push(found[1]!)
    }
    assert.ok(total < 20_000, `${name} is ${total} bytes`)
  }
})

test('every page says its language and title, and can be skipped into', () => {
  for (const [name, page] of examples) {
    assert.match(page, /^\s*<!doctype html>\s*<html lang="en"/i, name)
    assert.match(page, /<title>[^<]+ · Proofgate<\/title>/, name)
    assert.match(page, /<a class="skip" href="#main">/, name)
    assert.equal(page.match(/<h1[ >]/g)?.length, 1, name)
    assert.equal(page.match(/<main id="main"/g)?.length, 1, name)
  }
})

test('every link, form and asset starts with the mount path', () => {
  for (const [name, page] of allPages({ text: exampleText, base: '/.proofgate' })) {
    // Shown by API hosts, where our pages are not.
    if (name === 'continue') continue
    const given = new Set(['/device', '/consent', '/logout'])
    for (const [, address] of page.matchAll(/(?:href|src|action)="(\/[^"]*)"/g)) {
      if (!given.has(address!)) assert.match(address!, /^\/\.proofgate\//, name)
    }
    assert.match(page, /data-base="\/\.proofgate"/, name)
  }
})

test('every visible word is in the catalogue', () => {
  const pages = allPages({ text: () => '字', address: () => '/1', strings: pseudoLocale() })
  for (const [name, page] of pages) {
    const { tags, text } = split(page.replace(/<time[^]*?<\/time>/g, ''))
    const spoken = tags.flatMap((tag) =>
      [...tag.matchAll(/\s(?:title|alt|placeholder|aria-label)="([^"]*)"/g)].map(
        (found) => found[1],
      ),
    )
    const said = [text.replace(/&[a-z#0-9]+;/g, ''), ...spoken].join('\n')
    assert.doesNotMatch(said, /[A-Za-z]/, `${name}: ${/.*[A-Za-z].*/.exec(said)?.[0] ?? ''}`)
    assert.match(page, /lang="en-XA"/)
  }
})

test('every place of a text is filled', () => {
  for (const [name, page] of examples) assert.doesNotMatch(split(page).text, /\{[a-z]+\}/i, name)
})

test('the refusal page loads nothing and its style has the exported hash', () => {
  const page = examples.get('refusal')!
  assert.doesNotMatch(page, /<script|<link rel="stylesheet"|<img|src=/)
  const style = /<style>([^]*?)<\/style>/.exec(page)![1]!
  const digest = createHash('sha256').update(style).digest('base64')
  assert.equal(refusalStyleHash(), `sha256-${digest}`)
  assert.doesNotMatch(assetFor('proofgate.css')!.body.toString(), /<\//)
})

test('a ticket that is used, old or unknown gets one and the same page', () => {
  const page = split(ticketProblemPage({ base: '' })).text
  assert.match(page, /used already, be too old, or be incomplete/)
})

test('the device page sends the code only when its button is pressed', () => {
  const page = devicePage({ base: '', action: '/device', xsrf: 'x', userCode: 'BCDF-GHJK' })
  assert.match(page, /value="BCDF-GHJK"/)
  assert.doesNotMatch(page, /<script|http-equiv/i)
})

test('confirming a device shows who, from where, what for, and two buttons that say what they do', () => {
  const page = deviceConfirmPage({
    base: '',
    clientName: 'Some program',
    userCode: 'BCDF-GHJK',
    address: '192.0.2.7',
    userAgent: 'tool/1',
    scopes: [{ name: 'orders:read', text: 'Read your orders' }],
    action: '/device',
    xsrf: 'x-1',
    fields: { state: 's-1' },
  })
  for (const shown of ['Some program', 'BCDF-GHJK', '192.0.2.7', 'tool/1', 'Read your orders']) {
    assert.ok(split(page).text.includes(shown), shown)
  }
  assert.match(page, /only if you started this yourself/)
  assert.match(page, /name="confirm"\s+value="yes"[^>]*>\s*This is me, continue/)
  assert.match(page, /name="abort"\s+value="yes"[^>]*>\s*This was not me/)
  for (const field of ['xsrf" value="x-1', 'user_code" value="BCDF-GHJK', 'state" value="s-1']) {
    assert.ok(page.includes(`<input type="hidden" name="${field}"`), field)
  }
})

test('consent names the host the browser goes on to', () => {
  assert.match(split(examples.get('consent')!).text, /you go on to\s+orders\.example\.test/)
})

test('a link asks for no passkey that the person may have lost', () => {
  const enrol = {
    base: '',
    personName: 'p',
    username: 'u',
    rpName: 'r',
    hasCredentials: true,
    suitable: everyKey,
  }
  const { alreadyHave, confirmText } = english.enrol
  const byLink = enrolPage({ ...enrol, mode: 'ticket', ticket: 't' })
  assert.ok(byLink.includes(alreadyHave) && !byLink.includes(confirmText))
  assert.ok(enrolPage({ ...enrol, mode: 'signed-in', csrf: 'c' }).includes(confirmText))
})

test('enrolment says which key would do before the touch, and only where not every one does', () => {
  const enrol = { base: '', personName: 'p', username: 'u', rpName: 'r', hasCredentials: true }
  const shown = (wanted: Partial<WantedKey>): readonly string[] => {
    const page = enrolPage({ ...enrol, mode: 'signed-in', suitable: { ...everyKey, ...wanted } })
    const list = /<h2 id="wanted">[^]*?<\/section>/.exec(page)?.[0] ?? ''
    return [...list.matchAll(/<li>([^<]*)<\/li>/g)].map(([, sentence = '']) => sentence)
  }
  const text = english.wantedKey
  assert.deepEqual(shown({}), [])
  assert.deepEqual(shown({ kind: 'device-bound' }), [text.deviceBound])
  assert.deepEqual(shown({ kind: 'hardware-only' }), [text.hardware, text.allow])
  assert.deepEqual(shown({ lists: [{ models: ['Key <b>', 'Key 2'], makers: ['Acme'] }] }), [
    'Accepted: any key of Acme, Key &lt;b&gt;, or Key 2.',
    text.allow,
  ])
  assert.deepEqual(shown({ lists: [{ models: [], makers: [] }] })[0], text.none)
  assert.deepEqual(shown({ certification: 'L3+', own: true }).slice(0, 2), [
    text.own,
    'The key has to be FIDO certified at level L3+ or higher.',
  ])
  const many = Array.from({ length: 500 }, (_, index) => `Key ${index}`)
  assert.ok((shown({ lists: [{ models: many, makers: [] }] })[0] ?? '').length < 400)
})

test('a refusal points to the keys that would do, where the page names them', () => {
  const enrol = { base: '', personName: 'p', username: 'u', rpName: 'r', hasCredentials: true }
  const { see } = english.wantedKey
  const own = { ...everyKey, own: true }
  for (const key of ['hardware', 'deviceBound', 'model', 'own'] as const) {
    const said = (wanted: WantedKey): string =>
      new RegExp(`data-message="${key}">([^<]*)<`).exec(
        enrolPage({ ...enrol, mode: 'signed-in', suitable: wanted }),
      )?.[1] ?? ''
    assert.equal(said(own), `${english.wantedKey.refused[key]} ${see}`)
    assert.equal(said(everyKey), english.wantedKey.refused[key])
  }
})

test('the last passkey offers no removal', () => {
  assert.doesNotMatch(examples.get('account-one-key')!, /\/remove"/)
  assert.match(examples.get('account')!, /credentials\/amF3k\w+\/remove"/)
})

test('ids in form addresses cannot leave their place', () => {
  const page = allPages({ text: () => '/../../x?y#z' }).get('account')!
  assert.match(page, /credentials\/a%2F\.\.%2F\.\.%2Fx%3Fy%23z\/remove"/)
  assert.match(page, /sessions\/%2F\.\.%2F\.\.%2Fx%3Fy%23z1\/end"/)
})

test('every form that changes something carries its anti-forgery value', () => {
  for (const [name, page] of examples) {
    // There the address is the value: it names what is sent, once, and two cookies have to fit it.
    if (name === 'continue') continue
    for (const [form] of page.matchAll(/<form[^>]*method="post"[^]*?<\/form>/g)) {
      assert.match(form, /name="(?:csrf|xsrf)" value="[cx]-[^"]+"/, name)
    }
  }
})
