import type { Millis, Secret } from '../../core/index.ts'
import type { SharedSignalName, WebhookEventName } from '../schema/signals.ts'

/** Where somebody is told of events. */
export interface ConfiguredDestination {
  readonly url: string
  readonly allowPrivateAddresses: boolean
  readonly timeout: Millis
  /** How long failures in a row may go on until it is parked. */
  readonly giveUpAfter: Millis
}

export interface ConfiguredWebhook extends ConfiguredDestination {
  readonly name: string
  readonly events: readonly WebhookEventName[]
  /** At least one; each `whsec_` and base64. */
  readonly secrets: readonly Secret[]
}

/** Somebody who shares signals with us (OpenID Shared Signals Framework). */
export interface ConfiguredReceiver {
  readonly name: string
  readonly audience: string
  readonly events: readonly SharedSignalName[]
  readonly signingAlgorithm: 'ES256' | 'RS256'
  readonly delivery:
    | (ConfiguredDestination & {
        readonly kind: 'push'
        /** The whole header. */
        readonly authorization: Secret | undefined
      })
    | { readonly kind: 'poll'; readonly token: Secret }
}
