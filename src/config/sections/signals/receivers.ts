import { Secret } from '../../../core/index.ts'
import type { Draft } from '../../draft.ts'
import type { ConfiguredReceiver } from '../../model/signals.ts'
import type { Path } from '../../problems.ts'
import { sharedSignalNames } from '../../schema/signals.ts'
import type { ReceiverShape } from '../../schema/signals.ts'
import type { PolicyFiles } from '../access/documents.ts'
import { checkNames, readSecretFile, resolveDestination } from './destination.ts'

const tokenForm = /^[\x21-\x7e]{32,512}$/
const headerForm = /^[\x20-\x7e]{1,4096}$/

export function resolveReceivers(draft: Draft, files: PolicyFiles): ConfiguredReceiver[] {
  const { receivers } = draft.shape.sharedSignals
  const here = ['sharedSignals', 'receivers']
  const names = receivers.map(({ name }) => name)
  checkNames(draft, here, names)
  return receivers.flatMap((shape, index) => {
    const path = [...here, index]
    if (shape.events === undefined) draft.note([...path, 'events'], [...sharedSignalNames])
    const delivery = readDelivery(draft, path, { shape, files })
    if (delivery === undefined) return []
    const { name, audience, signingAlgorithm } = shape
    return [
      { name, audience, signingAlgorithm, delivery, events: shape.events ?? sharedSignalNames },
    ]
  })
}

interface Reading {
  readonly shape: ReceiverShape
  readonly files: PolicyFiles
}

function readDelivery(
  draft: Draft,
  path: Path,
  reading: Reading,
): ConfiguredReceiver['delivery'] | undefined {
  const { shape, files } = reading
  const { headerFile, tokenFile } = shape.authorization ?? {}
  if (shape.delivery === 'poll') {
    const isWhole = tokenFile !== undefined && headerFile === undefined
    if (!isWhole || shape.endpoint !== undefined) {
      report(draft, path, 'poll', '`authorization.tokenFile`, and no `endpoint`')
      return undefined
    }
    const at = [...path, 'authorization', 'tokenFile']
    const token = readMatching(draft, at, { files, written: tokenFile, form: tokenForm })
    return token === undefined ? undefined : { kind: 'poll', token }
  }
  if (shape.endpoint === undefined || tokenFile !== undefined) {
    report(draft, path, 'push', '`endpoint`, and at most `authorization.headerFile`')
    return undefined
  }
  const at = [...path, 'authorization', 'headerFile']
  const authorization =
    headerFile === undefined
      ? undefined
      : readMatching(draft, at, { files, written: headerFile, form: headerForm })
  const destination = { path, key: 'endpoint', url: shape.endpoint }
  return { kind: 'push', ...resolveDestination(draft, destination, shape), authorization }
}

function readMatching(
  draft: Draft,
  path: Path,
  { files, written, form }: { files: PolicyFiles; written: string; form: RegExp },
): Secret | undefined {
  const text = readSecretFile(draft, path, { files, written })
  if (text === undefined) return undefined
  if (form.test(text)) return new Secret(text)
  draft.report(path, {
    code: 'config.signal-authorization',
    message:
      'found something else in the file, expected one line: a token of 32 characters or more, or a header value',
    hint: 'Make a token with: openssl rand -hex 32',
  })
  return undefined
}

function report(draft: Draft, path: Path, delivery: string, expected: string): void {
  draft.report([...path, 'delivery'], {
    code: 'config.signal-delivery',
    message: `found delivery ${delivery}, expected with it ${expected}`,
    hint: 'By push we send to an endpoint; by poll the receiver comes with a token.',
  })
}
