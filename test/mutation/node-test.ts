import { collection } from './collected.ts'

/*
 * Stands in for `node:test` while mutants are tried: tests are kept, not run. It has only what the tests
 * of policies use.
 */

export function test(name: string, run: () => unknown): void {
  const { file, tests } = collection()
  tests.push({ id: `${file}: ${name}`, run })
}

export const it = test

export function describe(_name: string, define: () => void): void {
  define()
}
