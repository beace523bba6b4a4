import { derChildren, derTag, parseDer, parseTagged } from '../der.ts'
import type { DerElement } from '../der.ts'

/** The key description extension of Android key attestation, as far as WebAuthn L3 8.4.1 reads it. */
export interface KeyDescription {
  /** Where both the attestation and the key are kept; the weaker of the two. */
  readonly level: 'software' | 'trusted-environment' | 'strongbox'
  readonly challenge: Uint8Array
  readonly software: AuthorizationList
  readonly hardware: AuthorizationList
}

export interface AuthorizationList {
  readonly purposes: readonly number[]
  readonly allApplications: boolean
  readonly origin: number | undefined
}

/** Numbers of the members of an AuthorizationList. */
const member = { purpose: 1, allApplications: 600, origin: 702 } as const
const levels = ['software', 'trusted-environment', 'strongbox'] as const

const { integer, enumerated, octetString, sequence } = derTag
/** The tags of the members, in their order. */
const shape = [
  integer,
  enumerated,
  integer,
  enumerated,
  octetString,
  octetString,
  sequence,
  sequence,
]

/** `undefined` = not of the eight members in their order, or a member twice. */
export function parseKeyDescription(value: Uint8Array): KeyDescription | undefined {
  const members = derChildren(parseDer(value), sequence) ?? []
  const wellFormed =
    members.length === shape.length && members.every(({ tag }, index) => tag === shape[index])
  const [, attestedBy, , keptBy, challenge, , softwareList, hardwareList] = members
  const level = levels[Math.min(levelOf(attestedBy), levelOf(keptBy))]
  const software = parseList(softwareList)
  const hardware = parseList(hardwareList)
  if (!wellFormed || challenge === undefined || level === undefined) return undefined
  if (software === undefined || hardware === undefined) return undefined
  return { level, challenge: challenge.content, software, hardware }
}

/** -1 for what is none of the levels, which makes the whole unreadable. */
function levelOf(element: DerElement | undefined): number {
  if (element?.tag !== derTag.enumerated || element.content.byteLength !== 1) return -1
  const [level = -1] = element.content
  return level < levels.length ? level : -1
}

function parseList(element: DerElement | undefined): AuthorizationList | undefined {
  if (element?.tag !== derTag.sequence) return undefined
  const members = parseTagged(element.content)
  if (members === undefined) return undefined
  const found = new Map(members.map(({ number, content }) => [number, content]))
  if (found.size !== members.length) return undefined
  const purposes = parsePurposes(found.get(member.purpose))
  const origin = found.get(member.origin)
  const originNumber = origin === undefined ? undefined : smallInteger(parseDer(origin))
  if (purposes === undefined || (origin !== undefined && originNumber === undefined)) {
    return undefined
  }
  return { purposes, allApplications: found.has(member.allApplications), origin: originNumber }
}

function parsePurposes(content: Uint8Array | undefined): readonly number[] | undefined {
  if (content === undefined) return []
  const numbers = derChildren(parseDer(content), derTag.set)?.map(smallInteger)
  return numbers?.every((number) => number !== undefined) === true ? numbers : undefined
}

/** 0 to 127. */
function smallInteger(element: DerElement | undefined): number | undefined {
  if (element?.tag !== derTag.integer || element.content.byteLength !== 1) return undefined
  const [value = 0x80] = element.content
  return value < 0x80 ? value : undefined
}
