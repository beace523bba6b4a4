import type { Millis } from '../../core/index.ts'
import type { AuditMessage, AuditReply } from '../../workers/index.ts'
import type { PortableConfiguration } from '../../config/apart/index.ts'

/** What a serving thread is started with. */
export interface ThreadStart {
  /** From 1; the thread that writes the log and administers is none of them. */
  readonly thread: number
  /** Of what is limited for the process. */
  readonly share: number
  readonly configuration: PortableConfiguration
  readonly buckets: SharedArrayBuffer
  /** On their way to the audit log. */
  readonly entries: SharedArrayBuffer
  readonly formKey: Uint8Array
  readonly address: string
  readonly port: number
}

/** What the threads are told. A `call` is answered under its number. */
export type ToThread =
  | AuditReply
  | { readonly kind: 'apply'; readonly call: number; readonly configuration: PortableConfiguration }
  | { readonly kind: 'drain'; readonly call: number; readonly deadline: Millis }
  | { readonly kind: 'metrics'; readonly call: number }
  | { readonly kind: 'keys'; readonly call: number }
  | { readonly kind: 'forget' }
  | { readonly kind: 'revoked' }

export type FromThread =
  | AuditMessage
  | { readonly kind: 'listening'; readonly port: number }
  | {
      readonly kind: 'failed'
      readonly code: string
      readonly message: string
      readonly hint: string
    }
  | {
      readonly kind: 'answer'
      readonly call: number
      readonly text: string
      readonly failed: boolean
    }
  | { readonly kind: 'revoked' }
