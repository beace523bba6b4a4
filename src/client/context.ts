import { homedir } from 'node:os'
import { join } from 'node:path'
import { isJsonObject, ownProperty, parseJson, systemClock } from '../core/index.ts'
import type { Clock } from '../core/index.ts'
import { CredentialStore } from './credential-store.ts'
import { parseIssuer } from './issuer.ts'
import { openKeyring, probeKeyring } from './keyring.ts'
import { preparePrivateFolder, readPrivateFile, writePrivateFile } from './private-file.ts'

/** Where `npm start` serves the issuer. */
export const defaultIssuer = 'http://auth.proofgate.localhost:8080'
const keyrings = { probe: probeKeyring, open: openKeyring }
const longestSettings = 64 * 1024

/** What every command of the client works with. */
export interface ClientContext {
  readonly issuer: string
  readonly store: CredentialStore
  readonly clock: Clock
}

/** The issuer of the flag, else of PROOFGATE_ISSUER, else of the last sign-in, else of `npm start`. */
export async function openContext(options: {
  issuer?: string | undefined
}): Promise<ClientContext> {
  const clock = systemClock()
  const { folder, fileOnly } = credentialFolder(process.env)
  const named = options.issuer ?? nonEmpty(process.env['PROOFGATE_ISSUER'])
  const issuer = parseIssuer(named ?? (await rememberedIssuer(folder)) ?? defaultIssuer)
  return { issuer, clock, store: new CredentialStore({ folder, fileOnly, clock, keyrings }) }
}

/** The next command without `--issuer` speaks to this one. */
export async function rememberIssuer(issuer: string): Promise<void> {
  const { folder } = credentialFolder(process.env)
  await preparePrivateFolder(folder)
  await writePrivateFile(settingsPath(folder), `${JSON.stringify({ version: 1, issuer })}\n`)
}

async function rememberedIssuer(folder: string): Promise<string | undefined> {
  const text = await readPrivateFile(settingsPath(folder), longestSettings)
  const settings = parseJson(text ?? '', { length: longestSettings, depth: 4 })
  const issuer = isJsonObject(settings) ? ownProperty(settings, 'issuer') : undefined
  return typeof issuer === 'string' ? nonEmpty(issuer) : undefined
}

/** XDG base directories on Unix, the roaming folder on Windows; a named folder also rules out the keyring. */
export function credentialFolder(environment: Readonly<Record<string, string | undefined>>): {
  folder: string
  fileOnly: boolean
} {
  const named = nonEmpty(environment['PROOFGATE_CREDENTIALS_DIR'])
  if (named !== undefined) return { folder: named, fileOnly: true }
  const base =
    nonEmpty(environment['XDG_CONFIG_HOME']) ??
    (process.platform === 'win32' ? nonEmpty(environment['APPDATA']) : undefined) ??
    join(homedir(), '.config')
  return { folder: join(base, 'proofgate'), fileOnly: false }
}

function settingsPath(folder: string): string {
  return join(folder, 'client.json')
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
