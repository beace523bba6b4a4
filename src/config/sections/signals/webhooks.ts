import { Secret } from '../../../core/index.ts'
import type { Draft } from '../../draft.ts'
import type { ConfiguredWebhook } from '../../model/signals.ts'
import type { Path } from '../../problems.ts'
import { webhookEvents } from '../../schema/signals.ts'
import type { WebhookShape } from '../../schema/signals.ts'
import type { PolicyFiles } from '../access/documents.ts'
import { checkNames, readSecretFile, resolveDestination } from './destination.ts'

/** While one secret takes the place of another there are two, or three. */
const mostSecrets = 3
/** 24 to 64 bytes, as Standard Webhooks has it. */
const secretForm = /^whsec_(?:[A-Za-z0-9+/]{4}){8,21}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

export function resolveWebhooks(draft: Draft, files: PolicyFiles): ConfiguredWebhook[] {
  const { webhooks } = draft.shape
  const names = webhooks.map(({ name }) => name)
  checkNames(draft, ['webhooks'], names)
  return webhooks.map((shape, index) => {
    const path = ['webhooks', index]
    if (shape.events === undefined) draft.note([...path, 'events'], [...webhookEvents])
    return {
      name: shape.name,
      ...resolveDestination(draft, { path, key: 'url', url: shape.url }, shape),
      events: shape.events ?? webhookEvents,
      secrets: readSecrets(draft, [...path, 'secretFile'], { shape, files }),
    }
  })
}

function readSecrets(
  draft: Draft,
  path: Path,
  { shape, files }: { readonly shape: WebhookShape; readonly files: PolicyFiles },
): readonly Secret[] {
  const text = readSecretFile(draft, path, { files, written: shape.secretFile })
  if (text === undefined) return []
  const lines = text.split('\n').map((line) => line.trim())
  if (lines.length <= mostSecrets && lines.every((line) => secretForm.test(line))) {
    return lines.map((line) => new Secret(line))
  }
  draft.report(path, {
    code: 'config.webhook-secret',
    message: 'found something else in the file, expected whsec_ and 24 to 64 bytes as base64',
    hint: 'Make one with: echo "whsec_$(openssl rand -base64 32)"; up to three lines, the newest first.',
  })
  return []
}
