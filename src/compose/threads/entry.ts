import { keepHttpLean } from '../../core/index.ts'

/* Where a serving thread begins: what has to come before its first import. */

keepHttpLean()
await import('./thread.ts')
