import { hash } from 'node:crypto'
import { canonicalJson } from '../core/index.ts'
import type { AuditEntry, AuditValue, AuditWho, EncodedEntry, StoredRecord } from './entry.ts'
import { auditError } from './errors.ts'

const usual = 512
/** Longest kept text, in UTF-16 units. */
const bounds = {
  usual,
  action: 128,
  id: 128,
  kind: 32,
  outcome: 32,
  reason: 128,
  userAgent: 256,
  path: 1024,
}
export const recordBounds: Readonly<typeof bounds> = bounds

const listLength = 32
const listItem = 256
const memberCount = 48
/** All values of `what` together, as encoded: what comes later in the alphabet is cut to nothing. */
const whatBudget = 16_384

// Canonical order, so that no sorting is needed where every request passes.
const whoFields = [
  'client',
  'credential',
  'issuer',
  'session',
  'subject',
  'token',
  'username',
] as const
const whereFields = ['address', 'userAgent'] as const

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
const memberName = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/
const notAscii = /[\x7f-\uffff]/g

/**
 * The line of one record, without the newline: canonical JSON (RFC 8785) in which every character
 * outside printable ASCII is written `\uXXXX`. Built by hand in a fixed order that is the canonical one.
 *
 * @throws ProofgateError `audit.invalid_entry` for a name or number no record can hold.
 */
export function encodeRecord(entry: AuditEntry, seq: number, at: string): string {
  return recordLine(encodeEntry(entry), seq, at)
}

export function recordLine(encoded: EncodedEntry, seq: number, at: string): string {
  return `${encoded[0]}${at}${encoded[1]}${seq}${encoded[2]}`
}

/** @throws ProofgateError `audit.invalid_entry` for a name or number no record can hold. */
export function encodeEntry(entry: AuditEntry): EncodedEntry {
  const cuts: string[] = []
  const detail = Object.hasOwn(entry, 'detail') ? entry.detail : undefined
  const what = Object.hasOwn(entry, 'what') ? entry.what : undefined
  const where = Object.hasOwn(entry, 'where') ? entry.where : undefined
  const who = Object.hasOwn(entry, 'who') ? entry.who : undefined
  const text = (name: 'action' | 'id' | 'kind' | 'outcome' | 'reason') =>
    bounded('', name, entry[name], bounds[name], cuts)
  const beforeTime = `{"action":${text('action')},"at":"`
  let beforeNumber = '"'
  if (detail !== undefined)
    beforeNumber += `,"detail":${bounded('', 'detail', detail, usual, cuts)}`
  beforeNumber +=
    `,"id":${text('id')},"kind":${text('kind')},"outcome":${text('outcome')}` +
    `,"reason":${text('reason')},"seq":`
  let tail = `,"v":1`
  if (what !== undefined) tail += `,"what":${members(what, cuts)}`
  if (where !== undefined) tail += `,"where":${fixedMembers('where.', where, whereFields, cuts)}`
  if (who !== undefined) tail += `,"who":${encodedWho(who, cuts)}`
  const truncated = cuts.length > 0 ? `,"truncated":{${cuts.sort().join(',')}}` : ''
  return [beforeTime, beforeNumber, `${truncated}${tail}}`]
}

/** A JSON string in printable ASCII; lone surrogates become U+FFFD, as they have no UTF-8 form. */
export function encodeText(value: string): string {
  if (plain.test(value)) return `"${value}"`
  return JSON.stringify(value.toWellFormed()).replace(notAscii, escapeUnit)
}

/** True for a text that stands in a record as it is: nothing of it is cut or escaped. */
export function isPlain(value: string, bound: number): boolean {
  return value.length <= bound && plain.test(value)
}

/** As `encodeText`, for a text that stands in a record as it is; `undefined` for any other. */
export function encodePlain(value: string, bound: number): string | undefined {
  return isPlain(value, bound) ? `"${value}"` : undefined
}

/** The member `who` of a record; `undefined` when something of it is cut. */
export function encodeWho(who: AuditWho): string | undefined {
  const cuts: string[] = []
  const text = encodedWho(who, cuts)
  return cuts.length === 0 ? text : undefined
}

/** Reads a line back; `undefined` when it is not a record of this version. */
export function parseRecord(line: string): StoredRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const record = value as Partial<StoredRecord>
  const whole =
    record.v === 1 &&
    Number.isSafeInteger(record.seq) &&
    typeof record.at === 'string' &&
    typeof record.id === 'string' &&
    typeof record.kind === 'string'
  return whole ? (value as StoredRecord) : undefined
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Encodes a text within its bound; the name is put together only for one that is cut or unfit. */
function bounded(
  group: '' | 'what.' | 'where.' | 'who.',
  name: string,
  value: string,
  limit: number,
  cuts: string[],
): string {
  if (typeof value !== 'string') throw unfit(group + name, 'is not text')
  if (value.length <= limit) return encodeText(value)
  const whole = value.toWellFormed()
  cuts.push(truncation(group + name, whole))
  return encodeText(cut(whole, limit))
}

/** Never cuts between the halves of a surrogate pair. */
function cut(value: string, limit: number): string {
  const last = value.charCodeAt(limit - 1)
  return value.slice(0, last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit)
}

function truncation(name: string, whole: string): string {
  return `"${name}":{"length":${Buffer.byteLength(whole)},"sha256":"${hash('sha256', whole)}"}`
}

const encodedCallers = new WeakMap<AuditWho, string>()

/** Somebody who does not change is encoded once; requests of one caller share the object. */
function encodedWho(who: AuditWho, cuts: string[]): string {
  const known = encodedCallers.get(who)
  if (known !== undefined) return known
  const cutsBefore = cuts.length
  const text = fixedMembers('who.', who, whoFields, cuts)
  if (Object.isFrozen(who) && cuts.length === cutsBefore) encodedCallers.set(who, text)
  return text
}

function fixedMembers<Name extends string>(
  group: 'where.' | 'who.',
  values: Readonly<Partial<Record<Name, string>>>,
  names: readonly Name[],
  cuts: string[],
): string {
  let text = ''
  for (const name of names) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined) continue
    const limit = name === 'userAgent' ? bounds.userAgent : usual
    text += `${text === '' ? '' : ','}"${name}":${bounded(group, name, value, limit, cuts)}`
  }
  return `{${text}}`
}

function members(values: Readonly<Record<string, AuditValue>>, cuts: string[]): string {
  const names = Object.keys(values)
  if (names.length > memberCount) throw unfit('what', `has more than ${memberCount} members`)
  if (!isSorted(names)) names.sort()
  let text = ''
  for (const name of names) {
    const value = values[name]
    if (value === undefined) continue
    if (!isMemberName(name)) throw unfit('what', 'has a member with an unusable name')
    const left = Math.max(0, whatBudget - text.length)
    text += `${text === '' ? '' : ','}"${name}":${member(name, value, left, cuts)}`
  }
  return `{${text}}`
}

/** Those who record where every request passes name their members in order. */
function isSorted(names: readonly string[]): boolean {
  for (let at = 1; at < names.length; at++) {
    if ((names[at] ?? '') < (names[at - 1] ?? '')) return false
  }
  return true
}

const knownNames = new Set<string>()
const mostKnownNames = 1024

/** The program uses few names, and each of them often. */
function isMemberName(name: string): boolean {
  if (knownNames.has(name)) return true
  if (!memberName.test(name)) return false
  if (knownNames.size < mostKnownNames) knownNames.add(name)
  return true
}

function member(name: string, value: AuditValue, left: number, cuts: string[]): string {
  switch (typeof value) {
    case 'string': {
      const limit = name === 'path' ? bounds.path : usual
      return bounded('what.', name, value, Math.min(left, limit), cuts)
    }
    case 'boolean':
      return value ? 'true' : 'false'
    case 'number':
      if (!Number.isFinite(value)) throw unfit(`what.${name}`, 'is not a finite number')
      return String(value)
    default:
      if (Array.isArray(value)) return list(name, value, left, cuts)
      throw unfit(`what.${name}`, 'is neither text, number, boolean nor list')
  }
}

function list(name: string, items: readonly string[], left: number, cuts: string[]): string {
  const dropped: string[] = []
  let text = ''
  let kept = 0
  for (const item of items) {
    if (kept === listLength || text.length >= left) break
    text += `${kept === 0 ? '' : ','}${bounded('what.', name, item, listItem, dropped)}`
    kept++
  }
  if (kept < items.length || dropped.length > 0) {
    const whole = canonicalJson(items.map((item) => item.toWellFormed()))
    cuts.push(truncation(`what.${name}`, whole))
  }
  return `[${text}]`
}

function unfit(name: string, problem: string): Error {
  return auditError('invalid_entry', `the field ${name} of an audit entry ${problem}`)
}
