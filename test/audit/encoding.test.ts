import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { AuditEntry } from '../../src/audit/index.ts'
import { encodeRecord, encodeText, parseRecord } from '../../src/audit/encoding.ts'
import { canonicalJson } from '../../src/core/index.ts'
import { code, entry } from './kit.ts'

const at = '2026-11-01T00:00:00.000Z'

/** The same by the long way: canonical JSON, then everything outside printable ASCII escaped. */
function slow(value: AuditEntry, seq: number): string {
  const plain = JSON.parse(JSON.stringify({ ...value, at, seq, v: 1 }, wellFormed))
  return canonicalJson(plain).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed() : value
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ maxLength: 60 }),
  fc.constantFrom('\r\n{"event":"fake"}', '\u001b[31m', '\u2028', '\0', '\ud800', '"\\', '\u007f'),
)
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,20}$/)
const value = fc.oneof(
  text,
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.array(text, { maxLength: 5 }),
)
const entries = fc.record(
  {
    id: text,
    kind: fc.constantFrom('decision', 'system', 'token'),
    action: text,
    outcome: fc.constantFrom('allow', 'deny'),
    reason: text,
    detail: optional(text),
    who: optional(
      fc.record(
        {
          subject: text,
          username: text,
          session: text,
          credential: text,
          client: text,
          token: text,
          issuer: text,
        },
        { requiredKeys: [] },
      ),
    ),
    where: optional(fc.record({ address: text, userAgent: text }, { requiredKeys: [] })),
    what: optional(fc.dictionary(name, value, { maxKeys: 12 })),
  },
  { requiredKeys: ['id', 'kind', 'action', 'outcome', 'reason'] },
) as fc.Arbitrary<AuditEntry>

test('a line is the canonical JSON of its record, in printable ASCII, whatever the entry holds', () => {
  fc.assert(
    fc.property(entries, fc.nat(), (candidate, seq) => {
      const line = encodeRecord(candidate, seq, at)
      assert.equal(line, slow(candidate, seq))
      assert.match(line, /^[\x20-\x7e]*$/)
      assert.equal(parseRecord(line)?.seq, seq)
    }),
    { numRuns: 1000 },
  )
})

test('an entry of plain ASCII is canonical JSON to the byte', () => {
  const line = encodeRecord(entry(1), 7, at)
  assert.equal(line, canonicalJson({ ...(entry(1) as object), at, seq: 7, v: 1 }))
})

test('what would start a new line, colour a terminal or break a parser stays inside its string', () => {
  const nasty = '\r\n{"event":"fake"}\u001b[31m\u2028\u2029\0\u007f\u0085\u202e\ud800'
  const line = encodeRecord({ ...entry(1), detail: nasty }, 0, at)
  assert.match(line, /^[\x20-\x7e]*$/)
  assert.equal(parseRecord(line)?.detail, `${nasty.slice(0, -1)}\ufffd`)
})

test('text that is too long is cut and leaves its length and hash', () => {
  const long = 'é'.repeat(1_000_000)
  const record = parseRecord(
    encodeRecord({ ...entry(1), detail: long, where: { userAgent: long } }, 0, at),
  )
  assert.equal(record?.detail, 'é'.repeat(512))
  assert.equal(record?.where?.userAgent, 'é'.repeat(256))
  assert.deepEqual(record?.truncated?.['detail'], {
    length: 2_000_000,
    sha256: createHash('sha256').update(long).digest('hex'),
  })
  assert.deepEqual(Object.keys(record?.truncated ?? {}), ['detail', 'where.userAgent'])
})

test('text of exactly the longest length is kept whole', () => {
  const record = parseRecord(encodeRecord({ ...entry(1), detail: 'a'.repeat(512) }, 0, at))
  assert.equal(record?.truncated, undefined)
  assert.equal(record?.detail?.length, 512)
})

test('a cut never leaves half a surrogate pair', () => {
  const record = parseRecord(encodeRecord({ ...entry(1), detail: `a${'😀'.repeat(400)}` }, 0, at))
  assert.equal(record?.detail, `a${'😀'.repeat(255)}`)
})

test('a record with cut fields is canonical too', () => {
  const long = 'x'.repeat(3000)
  const line = encodeRecord(
    { ...entry(1), detail: long, who: { username: long }, what: { path: long, 'path.raw': long } },
    0,
    at,
  )
  assert.equal(line, canonicalJson(JSON.parse(line)))
})

test('a list that is too long, or holds an item that is, leaves the hash of the whole list', () => {
  const many = Array.from({ length: 1000 }, (_, item) => `group-${item}`)
  const long = ['a'.repeat(1000)]
  const record = parseRecord(encodeRecord({ ...entry(1), what: { many, long } }, 0, at))
  assert.equal((record?.what?.['many'] as string[] | undefined)?.length, 32)
  assert.equal((record?.what?.['long'] as string[] | undefined)?.[0]?.length, 256)
  const whole = canonicalJson(many)
  assert.deepEqual(record?.truncated?.['what.many'], {
    length: whole.length,
    sha256: createHash('sha256').update(whole).digest('hex'),
  })
  assert.notEqual(record?.truncated?.['what.long'], undefined)
})

test('no entry makes a line of more than 64 KiB', () => {
  const worst = '\u2028'.repeat(5000)
  const what: Record<string, string | string[]> = {}
  for (let member = 0; member < 48; member++) {
    what[`${String.fromCharCode(97 + (member % 26))}${'n'.repeat(50)}${member}`] =
      member % 2 === 0 ? worst : Array.from({ length: 100 }, () => worst)
  }
  const many = { subject: worst, username: worst, session: worst, credential: worst }
  const who = { ...many, client: worst, token: worst, issuer: worst }
  const where = { address: worst, userAgent: worst }
  const text = { id: worst, action: worst, reason: worst, detail: worst }
  const full = { ...entry(1), ...text, who, where, what }
  assert.ok(encodeRecord(full, 0, at).length < 65_536)
})

test('numbers, names and values no record can hold are refused', () => {
  const unfit: unknown[] = [
    { number: Number.NaN },
    { number: Infinity },
    { 'a b': 'space' },
    { ['n'.repeat(65)]: 'long name' },
    { '': 'empty name' },
    { object: {} },
    { nothing: null },
    { list: [1] },
    Object.fromEntries(Array.from({ length: 49 }, (_, member) => [`m${member}`, 1])),
  ]
  for (const what of unfit) {
    assert.throws(
      () => encodeRecord({ ...entry(1), what } as AuditEntry, 0, at),
      code('audit.invalid_entry'),
      JSON.stringify(what),
    )
  }
  assert.throws(
    () => encodeRecord({ ...entry(1), id: 5 } as unknown as AuditEntry, 0, at),
    code('audit.invalid_entry'),
  )
})

test('what a polluted prototype holds never gets into a record', (t) => {
  const prototype = Object.prototype as unknown as Record<string, unknown>
  const inherited = { detail: 'x', who: { subject: 'x' }, where: {}, what: { a: 1 }, subject: 'x' }
  t.after(() => {
    for (const key of Object.keys(inherited)) Reflect.deleteProperty(prototype, key)
  })
  const bare: AuditEntry = { ...entry(1), who: { client: 'c' } }
  const expected = encodeRecord(bare, 0, at)
  Object.assign(prototype, inherited)
  assert.equal(encodeRecord(bare, 0, at), expected)
})

test('what is not a record of this version is not read as one', () => {
  for (const line of ['', '{', 'null', '[]', '{}', '{"v":2,"seq":0,"at":"","id":"","kind":""}']) {
    assert.equal(parseRecord(line), undefined)
  }
})

test('plain text is encoded as JSON does', () => {
  fc.assert(fc.property(fc.string(), (plain) => JSON.parse(encodeText(plain)) === plain))
})
