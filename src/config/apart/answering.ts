import { ProofgateError } from '../../core/index.ts'
import { loadConfiguration } from '../load.ts'
import { configurationSchema } from '../reference.ts'
import { upConfiguration } from '../sample.ts'
import type { FileText, PortableResult, Reply, Request } from './messages.ts'
import { packConfiguration } from './portable.ts'

/** What the process that reads says to a request. */
export function answer(request: Request): Reply {
  if (request.kind === 'read') return read(request)
  return { kind: 'schema', schema: JSON.stringify(configurationSchema(), null, 2) }
}

function read(request: Extract<Request, { readonly kind: 'read' }>): Reply {
  const { file, upstream, environment, overrides, files } = request
  const missing = new Set<string>()
  const result = loadConfiguration({
    file,
    text: upstream === undefined ? undefined : upConfiguration(upstream),
    environment,
    overrides,
    readFile: (path) => {
      const known = files.get(path)
      if (known === undefined) missing.add(path)
      return textOf(known)
    },
  })
  if (missing.size > 0) return { kind: 'missing', paths: [...missing] }
  return { kind: 'read', result: portable(result) }
}

/** Fails as reading the file did. */
function textOf(known: FileText | undefined): string {
  if (known === undefined) throw new Error('not read yet')
  if ('text' in known) return known.text
  if (known.isOurs) throw new ProofgateError('config.file', known.message)
  throw Object.assign(new Error(known.message), { code: known.code })
}

function portable(result: ReturnType<typeof loadConfiguration>): PortableResult {
  if ('problems' in result) return result
  return { ...result, configuration: packConfiguration(result.configuration) }
}
