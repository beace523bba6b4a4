/** What a new passkey has to be; AAGUIDs in lower case. */
export interface AuthenticatorLimits {
  readonly allow: 'any' | 'device-bound' | 'hardware-only'
  readonly algorithms: readonly ('ES256' | 'EdDSA' | 'RS256')[]
  readonly aaguids: {
    readonly allow: readonly string[] | undefined
    readonly deny: readonly string[]
  }
}

/** Contents of a file that holds anchors, and the models they are for. */
export interface ConfiguredAnchor {
  readonly file: string
  readonly pem: string
  readonly aaguids: readonly string[] | undefined
}

/** The rules for everybody, and whose word about a device is believed. */
export interface ConfiguredAuthenticators extends AuthenticatorLimits {
  readonly attestation: 'none' | 'direct' | 'enterprise'
  readonly trustAnchors: readonly ConfiguredAnchor[]
}
