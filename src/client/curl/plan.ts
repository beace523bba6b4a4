import { validateHeaderName, validateHeaderValue } from 'node:http'
import { failure } from '../errors.ts'
import { printable } from '../terminal.ts'
import { parseAddress, requireSafeTransport } from '../transport.ts'
import { bodyOfParts, bodyOfUpload } from './body.ts'
import type { Body } from './body.ts'
import { TransferFailure } from './exit.ts'
import type { CurlInput } from './options.ts'

const methodShape = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
const formType = 'application/x-www-form-urlencoded'
/** Ours to set: they hold the token and the proof. */
const reserved: ReadonlySet<string> = new Set(['authorization', 'dpop'])

export interface Header {
  readonly name: string
  readonly values: readonly string[]
}

/** A request as it will be sent, apart from token and proof. */
export interface Plan {
  readonly method: string
  readonly url: URL
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, Header>
  readonly body: Body | undefined
  /** Milliseconds for everything. */
  readonly timeout: number | undefined
}

export async function planRequest(input: CurlInput): Promise<Plan> {
  const { options } = input
  const url = parseAddress(input.url)
  if (url === undefined) {
    const shown = printable(input.url)
    throw new TransferFailure('urlMalformed', `'${shown}' is not an http or https address`)
  }
  requireSafeTransport(url)
  checkFlags(input)
  const method = methodOf(input)
  const headers = headersOf(input)
  const timeout = timeoutOf(options.maxTime)
  const body = await bodyOf(input)
  return { method, url, headers, body, timeout }
}

function checkFlags({ options, parts }: CurlInput): void {
  if (options.location === true) {
    throw failure('arguments_invalid', 'redirects are not followed: a proof is for one address', {
      hint: 'leave -L out, and call the address of the Location header yourself',
    })
  }
  if (options.insecure === true) {
    throw failure('arguments_invalid', 'certificates are always checked', {
      hint: 'leave -k out, and trust a private authority with NODE_EXTRA_CA_CERTS=FILE',
    })
  }
  if (parts.length > 0 && (options.head === true || options.uploadFile !== undefined)) {
    throw failure('arguments_invalid', '-d and --json do not go together with -I or -T')
  }
}

function methodOf({ options, parts }: CurlInput): string {
  if (options.request !== undefined) {
    if (methodShape.test(options.request)) return options.request
    throw failure('arguments_invalid', `'${printable(options.request)}' is not a method`)
  }
  if (options.head === true) return 'HEAD'
  if (options.uploadFile !== undefined) return 'PUT'
  return parts.length > 0 ? 'POST' : 'GET'
}

function bodyOf({ options, parts }: CurlInput): Promise<Body> | undefined {
  if (options.uploadFile !== undefined) return bodyOfUpload(options.uploadFile)
  return parts.length > 0 ? bodyOfParts(parts) : undefined
}

function headersOf({ options, parts }: CurlInput): Map<string, Header> {
  const headers = new Map<string, Header>()
  const put = (name: string, value: string): void => {
    headers.set(name, { name, values: [value] })
  }
  put('accept', '*/*')
  put('user-agent', 'proofgate')
  if (parts.some(({ kind }) => kind === 'json')) {
    put('accept', 'application/json')
    put('content-type', 'application/json')
  } else if (parts.length > 0) {
    put('content-type', formType)
  }
  addGivenHeaders(headers, options.header ?? [])
  return headers
}

/** `Name: value` sets (again: adds), `Name;` sets the empty value, `Name:` takes a default away. */
function addGivenHeaders(headers: Map<string, Header>, lines: readonly string[]): void {
  const given = new Set<string>()
  for (const line of lines) {
    const { name, value } = parseHeader(line)
    const key = name.toLowerCase()
    if (value === undefined) {
      headers.delete(key)
      continue
    }
    const before = given.has(key) ? headers.get(key)?.values : undefined
    headers.set(key, { name, values: [...(before ?? []), value] })
    given.add(key)
  }
}

/** Without a value: the header is to be left out. */
function parseHeader(line: string): { name: string; value: string | undefined } {
  const end = line.search(/[:;]/)
  const name = line.slice(0, Math.max(end, 0)).trim()
  const text = line.slice(end + 1).trim()
  const isEmpty = line[end] === ';'
  if (isEmpty && text !== '') throw notHeader(line)
  checkHeader(line, name, text)
  if (reserved.has(name.toLowerCase())) {
    throw failure('arguments_invalid', `proofgate curl sets the header ${name} itself`, {
      hint: 'use plain curl to send another token',
    })
  }
  return { name, value: text === '' && !isEmpty ? undefined : text }
}

function checkHeader(line: string, name: string, value: string): void {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  } catch {
    throw notHeader(line)
  }
}

function notHeader(line: string): Error {
  return failure('arguments_invalid', `'${printable(line, 60)}' is not a header`, {
    hint: "write it as -H 'Name: value'",
  })
}

/** Seconds as milliseconds. */
export function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d{1,7}(\.\d{1,3})?$/.test(text) ? Number(text) * 1000 : 0
  if (value > 0) return value
  throw failure('arguments_invalid', `'${printable(text)}' is not a number of seconds`)
}
