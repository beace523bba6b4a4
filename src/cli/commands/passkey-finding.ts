import { withServer } from '../admin-client.ts'
import type { LaunchOptions } from '../launch.ts'

interface PasskeyFinding {
  readonly check: string
  readonly ok: boolean
  readonly found: string
  readonly next?: string
  readonly note?: true
}

interface Report {
  readonly credentials: readonly { readonly standing: string }[]
  readonly people: readonly { readonly credentials: number; readonly wanted: number }[]
}

/**
 * What a running server says of passkeys that have to be replaced, and of people who have too few. It keeps
 * nothing from working, so it is a note.
 */
export async function passkeysFound(options: LaunchOptions): Promise<readonly PasskeyFinding[]> {
  const answer = await withServer(options, (call) => call('GET', '/v1/credentials/report'))
  if (answer === undefined) return []
  const { credentials, people } = answer as unknown as Report
  const due = credentials.filter(({ standing }) => standing !== 'current').length
  const short = people.filter((one) => one.wanted > 1 && one.credentials < one.wanted).length
  if (due === 0 && short === 0) return []
  return [
    {
      check: 'passkeys',
      ok: true,
      note: true,
      found: `${due} to be replaced, ${short} people with fewer than their groups ask for`,
      next: '`proofgate credentials report`',
    },
  ]
}
