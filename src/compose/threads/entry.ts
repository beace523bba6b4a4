import { findOwnModules, keepHttpLean } from '../../core/index.ts'

/* Where a serving thread begins: what has to come before its first import. */

findOwnModules()
keepHttpLean()
await import('./thread.ts')
