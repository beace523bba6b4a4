import type { ConfigurationOverrides } from '../overrides.ts'
import type { Environment } from '../environment.ts'
import type { LoadResult } from '../load.ts'
import type { PortableConfiguration } from './portable.ts'

/** What is asked of the process that reads. */
export type Request =
  | {
      readonly kind: 'read'
      readonly file: string | undefined
      readonly upstream: string | undefined
      readonly environment: Environment
      readonly overrides: ConfigurationOverrides | undefined
      /** Files by their absolute paths, as they were read here. */
      readonly files: ReadonlyMap<string, FileText>
    }
  | { readonly kind: 'schema' }

/** The text of a file, or why there is none. */
export type FileText =
  | { readonly text: string }
  | { readonly code: string; readonly message: string; readonly isOurs: boolean }

export type Reply =
  /** Asked again with these files it may know the answer. */
  | { readonly kind: 'missing'; readonly paths: readonly string[] }
  | { readonly kind: 'read'; readonly result: PortableResult }
  | { readonly kind: 'schema'; readonly schema: string }

/** As `LoadResult`, of plain data. */
export type PortableResult =
  | Extract<LoadResult, { readonly problems: unknown }>
  | (Omit<Extract<LoadResult, { readonly configuration: unknown }>, 'configuration'> & {
      readonly configuration: PortableConfiguration
    })
