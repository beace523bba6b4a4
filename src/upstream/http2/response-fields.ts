import { STATUS_CODES } from 'node:http'

import { belongsInTrailers, isFieldValue, isToken } from '../../http1/index.ts'
import type { ResponseHead } from '../contract.ts'

export interface HeadContext {
  /** The answer is to a HEAD request and has no body. */
  readonly headRequest: boolean
  /** Nothing follows the header section. */
  readonly ended: boolean
}

/** Fields that an HTTP/1.1 answer would not be allowed to pass on either. */
const dropped: ReadonlySet<string> = new Set(['te', 'proxy-connection'])
/** Their presence makes the message malformed, in trailers too (RFC 9113 8.2.2). */
const forbidden: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
])

/** Whether a header section says that the answer proper is still to come (RFC 9113 8.1). */
export function isInterim(fields: readonly string[]): boolean {
  return fields[0] === ':status' && fields[1]?.startsWith('1') === true
}

/**
 * A response head from the fields as they were received, pseudo-headers included, or what is wrong with
 * it, by the alphabet of HTTP/1.1, because the answer may go on to a caller who speaks that.
 */
export function responseHead(
  fields: readonly string[],
  context: HeadContext,
): ResponseHead | string {
  const status = statusOf(fields)
  if (status === 0) return 'malformed status code'
  const sorted = sort(fields)
  if (typeof sorted === 'string') return sorted
  const { headers, length, announced } = sorted
  const bodiless = context.headRequest || status === 204 || status === 304
  const cannotCome = status === 204 || (context.ended && !bodiless)
  if (cannotCome && announced) return 'a body announced that cannot come'
  const head = { status, statusText: STATUS_CODES[status] ?? '', headers }
  const framing = framingOf(bodiless || context.ended, length)
  return length === undefined ? { ...head, framing } : { ...head, framing, length }
}

function framingOf(empty: boolean, length: number | undefined): ResponseHead['framing'] {
  if (empty) return 'none'
  return length === undefined ? 'chunked' : 'length'
}

/** The fields of an interim answer (RFC 9110 15.2), or what is wrong with it. */
export function interimFields(
  fields: readonly string[],
): { readonly status: number; readonly headers: readonly string[] } | string {
  const status = statusOf(fields)
  if (status < 100 || status > 199 || status === 101) return 'malformed interim answer'
  const sorted = sort(fields)
  if (typeof sorted === 'string') return sorted
  if (sorted.length !== undefined) return 'framing in an interim answer'
  return { status, headers: sorted.headers }
}

/** A trailer section without what does not belong there (RFC 9110 6.5.1), or what is wrong with it. */
export function responseTrailers(fields: readonly string[]): string[] | string {
  const kept: string[] = []
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? ''
    const value = fields[at + 1] ?? ''
    if (!isToken(name) || !isFieldValue(value)) return 'malformed trailer'
    if (forbidden.has(name)) return 'a trailer about the connection'
    if (belongsInTrailers(name)) kept.push(name, value)
  }
  return kept
}

/** 100 to 599, or 0. The one pseudo-header of an answer comes first (RFC 9113 8.3). */
function statusOf(fields: readonly string[]): number {
  const text = fields[0] === ':status' ? (fields[1] ?? '') : ''
  return /^[1-5][0-9][0-9]$/.test(text) ? Number(text) : 0
}

interface Sorted {
  readonly headers: string[]
  readonly length: number | undefined
  /** The length is not 0. */
  readonly announced: boolean
}

function sort(fields: readonly string[]): Sorted | string {
  const headers: string[] = []
  let length: number | undefined
  for (let at = 2; at < fields.length; at += 2) {
    const name = fields[at] ?? ''
    const value = fields[at + 1] ?? ''
    const problem = problemOf(name, value)
    if (problem !== '') return problem
    if (dropped.has(name)) continue
    if (name === 'content-length') {
      if (length !== undefined) return 'content-length twice'
      length = lengthOf(value)
      if (length < 0) return 'malformed content-length'
    }
    headers.push(name, value)
  }
  return { headers, length, announced: length !== undefined && length > 0 }
}

function problemOf(name: string, value: string): string {
  if (!isToken(name)) return 'malformed header name'
  if (!isFieldValue(value)) return 'malformed header value'
  return forbidden.has(name) ? 'a header about the connection' : ''
}

function lengthOf(value: string): number {
  return /^[0-9]{1,15}$/.test(value) ? Number(value) : -1
}
