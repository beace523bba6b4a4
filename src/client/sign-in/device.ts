import { setTimeout as sleep } from 'node:timers/promises'
import { ownProperty } from '../../core/index.ts'
import type { JsonObject } from '../../core/index.ts'
import { scopeFor, signInFailure } from './code.ts'
import type { SignedIn, SignInParts } from './code.ts'
import { failure, isFailure } from '../errors.ts'
import { isOAuthError, membersOf, parseError, postForm, requestTokens } from '../issuer.ts'
import type { IssuedTokens, Issuer, OAuthError } from '../issuer.ts'
import { printable, say } from '../terminal.ts'
import { parseAddress } from '../transport.ts'

const usualInterval = 5
const slowestInterval = 60
const longestWait = 1800

interface DeviceRequest {
  readonly deviceCode: string
  readonly userCode: string
  readonly verificationUri: string
  readonly completeUri: string | undefined
  /** Seconds. */
  readonly expiresIn: number
  readonly interval: number
}

export interface DeviceSignInParts extends SignInParts {
  /** Waits between two questions, milliseconds. */
  readonly pause: (time: number) => Promise<unknown>
}

/** Device authorization grant (RFC 8628): the person signs in on another device. */
export async function signInByDevice(
  issuer: Issuer,
  given: SignInParts & Partial<DeviceSignInParts>,
  role?: string,
): Promise<SignedIn> {
  const parts = { pause: sleep, ...given }
  if (issuer.deviceEndpoint === undefined) {
    throw failure('sign_in_refused', 'this issuer has no sign-in by device', {
      hint: 'sign in with: proofgate login',
    })
  }
  const answer = await postForm(issuer.issuer, issuer.deviceEndpoint, { scope: scopeFor(role) })
  const members = membersOf(issuer.issuer, answer)
  if (answer.status !== 200) {
    throw signInFailure(parseError(issuer.issuer, members, answer.status))
  }
  const request = parseRequest(members)
  await invite(request)
  return { tokens: await poll(issuer, parts, request), nonce: undefined }
}

function parseRequest(members: JsonObject): DeviceRequest {
  const deviceCode = ownProperty(members, 'device_code')
  const userCode = ownProperty(members, 'user_code')
  const verificationUri = address(ownProperty(members, 'verification_uri'))
  const expiresIn = ownProperty(members, 'expires_in')
  const interval = ownProperty(members, 'interval')
  if (
    typeof deviceCode !== 'string' ||
    typeof userCode !== 'string' ||
    verificationUri === undefined ||
    typeof expiresIn !== 'number'
  ) {
    throw failure('issuer_misbehaves', 'the issuer gave no usable device code')
  }
  return {
    deviceCode,
    userCode: printable(userCode, 40),
    verificationUri,
    completeUri: address(ownProperty(members, 'verification_uri_complete')),
    expiresIn: Math.min(expiresIn, longestWait),
    interval: typeof interval === 'number' ? Math.max(interval, 1) : usualInterval,
  }
}

function address(value: unknown): string | undefined {
  return typeof value === 'string' ? parseAddress(value)?.href : undefined
}

async function invite(request: DeviceRequest): Promise<void> {
  const { renderUnicodeCompact } = await import('uqr')
  say('On a device with your key, open:')
  say('')
  say(`  ${request.verificationUri}`)
  say('')
  say('and enter this code, or scan:')
  say('')
  say(`  ${request.userCode}`)
  say('')
  say(renderUnicodeCompact(request.completeUri ?? request.verificationUri))
  say('')
  say('Only go on if you started this yourself. Waiting (Ctrl-C ends this)...')
}

/** RFC 8628 3.5. */
async function poll(
  issuer: Issuer,
  parts: DeviceSignInParts,
  request: DeviceRequest,
): Promise<IssuedTokens> {
  const giveUpAt = parts.clock.now() + request.expiresIn * 1000
  let { interval } = request
  while (parts.clock.now() < giveUpAt) {
    await parts.pause(interval * 1000)
    const answer = await askOnce(issuer, parts, request.deviceCode)
    if (answer !== undefined && !isOAuthError(answer)) return answer
    interval = Math.min(nextInterval(answer, interval), slowestInterval)
  }
  throw failure('sign_in_timeout', 'the code has expired')
}

/** `undefined` when the issuer did not answer this time. */
async function askOnce(
  issuer: Issuer,
  parts: SignInParts,
  deviceCode: string,
): Promise<IssuedTokens | OAuthError | undefined> {
  try {
    return await requestTokens(issuer, {
      ...parts,
      form: {
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        device_code: deviceCode,
      },
    })
  } catch (error) {
    if (isFailure(error, 'issuer_unreachable')) return undefined
    throw error
  }
}

/** Seconds until the next question; throws when there will be no other answer. */
function nextInterval(answer: OAuthError | undefined, interval: number): number {
  if (answer === undefined) return interval * 2
  switch (answer.error) {
    case 'authorization_pending':
      return interval
    case 'slow_down':
      return interval + 5
    case 'expired_token':
      throw failure('sign_in_timeout', 'the code has expired')
    case 'access_denied':
      throw failure('sign_in_refused', 'sign-in was refused on the other device')
    default:
      throw signInFailure(answer)
  }
}
