import type { Case } from './case.ts'
import { chunks } from './corpus/chunks.ts'
import { connections } from './corpus/connections.ts'
import { fields } from './corpus/fields.ts'
import { framing } from './corpus/framing.ts'
import { headers } from './corpus/headers.ts'
import { hosts } from './corpus/hosts.ts'
import { targets } from './corpus/targets.ts'
import { trailers } from './corpus/trailers.ts'

/** Every case, by family. */
export const corpus: readonly Case[] = [
  ...framing,
  ...chunks,
  ...fields,
  ...targets,
  ...hosts,
  ...headers,
  ...connections,
  ...trailers,
]
