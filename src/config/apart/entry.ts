import { findOwnModules } from '../../core/index.ts'
import { keepSchemasLean } from './lean-schemas.ts'
import type { Request } from './messages.ts'

/*
 * Where the process that reads begins. It ends when nobody asks any more, which it notices by the channel; a
 * terminal that signals the whole group means those who ask.
 */

for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
findOwnModules()
keepSchemasLean()
const { answer } = await import('./answering.ts')
process.on('message', (request: Request) => process.send?.(answer(request)))
