import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import type {
  AuthenticationResponseJSON,
  RegistrationResponseJSON,
} from '../../src/webauthn/index.ts'
import { buildLeaf } from './attestation-certificate.ts'
import { encodeCbor } from './cbor-encoder.ts'
import type { Encodable } from './cbor-encoder.ts'

export type AttestationChoice = 'none' | 'packed-self' | 'packed-x5c'

/** What the device is; all of it may be changed later by assigning to the authenticator. */
export interface Device {
  /** COSE algorithms it knows; the first offered one among them is used. */
  algorithms: readonly number[]
  attestation: AttestationChoice
  aaguid: Uint8Array
  /** Whether it verifies the person (UV). */
  verifiesUser: boolean
  backupEligible: boolean
  backupState: boolean
  /** What each signature adds to the counter; 0 = a device without a counter. */
  counterStep: number
  transports: readonly string[]
  /** Makes the statement in place of `attestation`. */
  attest?: ((subject: AttestationSubject) => AttestationStatement) | undefined
}

/** What a statement is made about. */
export interface AttestationSubject {
  readonly authData: Buffer
  readonly clientDataHash: Buffer
  readonly credential: ResidentCredential
  readonly aaguid: Uint8Array
}

export interface AttestationStatement {
  readonly format: string
  readonly statement: Map<string, Encodable>
}

/** A credential as the device keeps it. */
export interface ResidentCredential {
  readonly id: string
  readonly rpId: string
  readonly userHandle: string
  readonly algorithm: number
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly backupEligible: boolean
  signCount: number
}

/** Where the page is, and what goes wrong on purpose. Bytes changed before signing are signed. */
export interface CeremonyHooks {
  /** Serialized origin of the page. */
  readonly origin: string
  /** Changes the client data before it is serialized: type, challenge, origin, crossOrigin, topOrigin. */
  readonly clientData?: (members: Record<string, unknown>) => Record<string, unknown>
  /** Replaces the serialized client data. */
  readonly clientDataJSON?: (serialized: string) => string | Uint8Array
  readonly flags?: (flags: number) => number
  readonly signCount?: number
  readonly rpIdHash?: Uint8Array
  /** Encoded extension outputs; sets ED. */
  readonly extensions?: Encodable
  /** Changes the whole authenticator data, before it is signed. */
  readonly authenticatorData?: (bytes: Buffer) => Uint8Array
  readonly signature?: (bytes: Buffer) => Uint8Array
  /** Changes the response as it would be sent. */
  readonly response?: (json: any) => any
}

export interface RegistrationHooks extends CeremonyHooks {
  readonly aaguid?: Uint8Array
  /** Id inside the authenticator data (the response keeps the device's own). */
  readonly attestedCredentialId?: Uint8Array
  readonly coseKey?: (members: Map<number | string, Encodable>) => Encodable
  readonly statement?: (members: Map<string, Encodable>) => Encodable
  readonly format?: string
  readonly attestationObject?: (bytes: Buffer) => Uint8Array
}

export interface AuthenticationHooks extends CeremonyHooks {
  /** Base64url, or `null` to send none. */
  readonly userHandle?: string | null
  /** Uses this resident credential whatever the options say. */
  readonly credentialId?: string
}

interface CreationOptions {
  readonly rp: { readonly id: string }
  readonly user: { readonly id: string }
  readonly challenge: string
  readonly pubKeyCredParams: readonly { readonly alg: number }[]
  readonly excludeCredentials?: readonly { readonly id: string }[]
}

interface RequestOptions {
  readonly rpId: string
  readonly challenge: string
  readonly allowCredentials?: readonly { readonly id: string }[]
}

/**
 * A FIDO2 authenticator and its browser in software: takes options in their JSON form, answers in the
 * JSON forms, keeps discoverable credentials by relying party. Refuses what a browser refuses (a page
 * outside the relying party, an excluded credential, nothing to choose from) unless a hook overrides it.
 */
export class SoftAuthenticator {
  readonly device: Device
  readonly credentials: ResidentCredential[] = []

  constructor(device: Partial<Device> = {}) {
    this.device = {
      algorithms: [-7, -8, -257],
      attestation: 'none',
      aaguid: new Uint8Array(16),
      verifiesUser: true,
      backupEligible: false,
      backupState: false,
      counterStep: 1,
      transports: ['internal'],
      ...device,
    }
  }

  /** navigator.credentials.create() */
  create(options: CreationOptions, hooks: RegistrationHooks): RegistrationResponseJSON {
    requireSameSite(options.rp.id, hooks.origin)
    const excluded = new Set(options.excludeCredentials?.map(({ id }) => id))
    if (this.#of(options.rp.id).some(({ id }) => excluded.has(id))) {
      throw new DOMException('already registered', 'InvalidStateError')
    }
    const credential = this.#newCredential(options)
    const clientDataJSON = clientData('webauthn.create', options.challenge, hooks)
    const authData = this.#authenticatorData(
      credential,
      hooks,
      attestedData(this, credential, hooks),
    )
    const clientDataHash = sha256(clientDataJSON)
    const made = this.device.attest?.({
      authData,
      clientDataHash,
      credential,
      aaguid: hooks.aaguid ?? this.device.aaguid,
    })
    const statement =
      made === undefined
        ? this.#statement(credential, authData, clientDataHash, hooks)
        : (hooks.statement?.(made.statement) ?? made.statement)
    const format = made?.format ?? this.device.attestation.replace(/-.*/, '')
    const attestationObject = encodeCbor(
      new Map<string, Encodable>([
        ['fmt', hooks.format ?? format],
        ['attStmt', statement],
        ['authData', authData],
      ]),
    )
    const json: RegistrationResponseJSON = {
      id: credential.id,
      rawId: credential.id,
      type: 'public-key',
      response: {
        clientDataJSON: base64url(clientDataJSON),
        attestationObject: base64url(
          hooks.attestationObject?.(attestationObject) ?? attestationObject,
        ),
        transports: this.device.transports,
      },
      authenticatorAttachment: 'platform',
      clientExtensionResults: { credProps: { rk: true } },
    }
    this.credentials.push(credential)
    return hooks.response?.(json) ?? json
  }

  /** navigator.credentials.get() */
  get(options: RequestOptions, hooks: AuthenticationHooks): AuthenticationResponseJSON {
    requireSameSite(options.rpId, hooks.origin)
    const credential = this.#choose(options, hooks.credentialId)
    credential.signCount += this.device.counterStep
    const clientDataJSON = clientData('webauthn.get', options.challenge, hooks)
    const authenticatorData = this.#authenticatorData(credential, hooks)
    const signature = signWith(
      credential,
      Buffer.concat([authenticatorData, sha256(clientDataJSON)]),
    )
    const userHandle = hooks.userHandle === undefined ? credential.userHandle : hooks.userHandle
    const json: AuthenticationResponseJSON = {
      id: credential.id,
      rawId: credential.id,
      type: 'public-key',
      response: {
        clientDataJSON: base64url(clientDataJSON),
        authenticatorData: base64url(authenticatorData),
        signature: base64url(hooks.signature?.(signature) ?? signature),
        ...(userHandle !== null && { userHandle }),
      },
      authenticatorAttachment: 'platform',
      clientExtensionResults: {},
    }
    return hooks.response?.(json) ?? json
  }

  #of(rpId: string): ResidentCredential[] {
    return this.credentials.filter((credential) => credential.rpId === rpId)
  }

  #choose(options: RequestOptions, wanted: string | undefined): ResidentCredential {
    const allowed = options.allowCredentials?.map(({ id }) => id) ?? []
    const chosen =
      wanted === undefined
        ? this.#of(options.rpId).findLast(({ id }) => allowed.length === 0 || allowed.includes(id))
        : this.credentials.find(({ id }) => id === wanted)
    if (chosen === undefined) throw new DOMException('no credential', 'NotAllowedError')
    return chosen
  }

  #newCredential(options: CreationOptions): ResidentCredential {
    const algorithm = options.pubKeyCredParams
      .map(({ alg }) => alg)
      .find((offered) => this.device.algorithms.includes(offered))
    if (algorithm === undefined) throw new DOMException('no algorithm', 'NotSupportedError')
    return {
      id: base64url(randomBytes(32)),
      rpId: options.rp.id,
      userHandle: options.user.id,
      algorithm,
      ...newKeyPair(algorithm),
      backupEligible: this.device.backupEligible,
      signCount: this.device.counterStep,
    }
  }

  #authenticatorData(
    credential: ResidentCredential,
    hooks: CeremonyHooks,
    attested?: Uint8Array,
  ): Buffer {
    const flags =
      0x01 |
      (this.device.verifiesUser ? 0x04 : 0) |
      (credential.backupEligible ? 0x08 : 0) |
      (this.device.backupState ? 0x10 : 0) |
      (attested === undefined ? 0 : 0x40) |
      (hooks.extensions === undefined ? 0 : 0x80)
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(hooks.signCount ?? credential.signCount)
    const bytes = Buffer.concat([
      hooks.rpIdHash ?? sha256(Buffer.from(credential.rpId)),
      Buffer.from([hooks.flags?.(flags) ?? flags]),
      counter,
      attested ?? Buffer.alloc(0),
      hooks.extensions === undefined ? Buffer.alloc(0) : encodeCbor(hooks.extensions),
    ])
    return Buffer.from(hooks.authenticatorData?.(bytes) ?? bytes)
  }

  #statement(
    credential: ResidentCredential,
    authData: Buffer,
    clientDataHash: Uint8Array,
    hooks: RegistrationHooks,
  ): Encodable {
    const members = new Map<string, Encodable>()
    if (this.device.attestation !== 'none') {
      const batch = this.device.attestation === 'packed-x5c' ? newKeyPair(-7) : undefined
      const signer = batch === undefined ? credential : { algorithm: -7, ...batch }
      const signature = signWith(signer, Buffer.concat([authData, clientDataHash]))
      members.set('alg', signer.algorithm)
      members.set('sig', hooks.signature?.(signature) ?? signature)
      if (batch !== undefined) {
        const aaguid = hooks.aaguid ?? this.device.aaguid
        members.set('x5c', [buildLeaf({ publicKey: batch.publicKey, aaguid })])
      }
    }
    return hooks.statement?.(members) ?? members
  }
}

/** The COSE_Key of a public key: ES256, Ed25519, RS256 or ML-DSA. */
export function coseKeyOf(algorithm: number, publicKey: KeyObject): Map<number, Encodable> {
  const jwk: Record<string, any> = publicKey.export({ format: 'jwk' })
  const member = (name: 'x' | 'y' | 'n' | 'e' | 'pub') => Buffer.from(jwk[name] ?? '', 'base64url')
  if (algorithm === -7) {
    return new Map<number, Encodable>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, member('x')],
      [-3, member('y')],
    ])
  }
  if (algorithm === -8) {
    return new Map<number, Encodable>([
      [1, 1],
      [3, -8],
      [-1, 6],
      [-2, member('x')],
    ])
  }
  if (isMlDsa(algorithm)) {
    return new Map<number, Encodable>([
      [1, 7],
      [3, algorithm],
      [-1, member('pub')],
    ])
  }
  return new Map<number, Encodable>([
    [1, 3],
    [3, algorithm],
    [-1, member('n')],
    [-2, member('e')],
  ])
}

/** Signs as an authenticator does: DER for ECDSA, RSASSA-PKCS1-v1_5 with SHA-256, plain Ed25519 and ML-DSA. */
export function signWith(
  signer: { readonly algorithm: number; readonly privateKey: KeyObject },
  data: Uint8Array,
): Buffer {
  const plain = signer.algorithm === -8 || isMlDsa(signer.algorithm)
  return sign(plain ? null : 'sha256', data, signer.privateKey)
}

const mlDsa = new Map([
  [-48, 'ml-dsa-44'],
  [-49, 'ml-dsa-65'],
  [-50, 'ml-dsa-87'],
] as const)

function isMlDsa(algorithm: number): algorithm is -48 | -49 | -50 {
  return algorithm <= -48 && algorithm >= -50
}

export function newKeyPair(algorithm: number): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === -7) return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  if (algorithm === -8) return generateKeyPairSync('ed25519')
  if (isMlDsa(algorithm)) return generateKeyPairSync(mlDsa.get(algorithm) ?? 'ml-dsa-44')
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

function attestedData(
  authenticator: SoftAuthenticator,
  credential: ResidentCredential,
  hooks: RegistrationHooks,
): Buffer {
  const id = hooks.attestedCredentialId ?? Buffer.from(credential.id, 'base64url')
  const length = Buffer.alloc(2)
  length.writeUInt16BE(id.byteLength)
  const members = coseKeyOf(credential.algorithm, credential.publicKey)
  const key = encodeCbor(hooks.coseKey?.(members) ?? members)
  return Buffer.concat([hooks.aaguid ?? authenticator.device.aaguid, length, id, key])
}

function clientData(type: string, challenge: string, hooks: CeremonyHooks): Buffer {
  const members = { type, challenge, origin: hooks.origin, crossOrigin: false }
  const serialized = JSON.stringify(hooks.clientData?.(members) ?? members)
  return Buffer.from(hooks.clientDataJSON?.(serialized) ?? serialized)
}

/** A browser lets a page use its own host as relying party, or a parent domain of it. */
function requireSameSite(rpId: string, origin: string): void {
  const { hostname } = new URL(origin)
  if (hostname === rpId || hostname.endsWith(`.${rpId}`)) return
  throw new DOMException(`${origin} may not use relying party ${rpId}`, 'SecurityError')
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
