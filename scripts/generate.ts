import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { adminErrors } from '../src/admin/index.ts'
import { auditErrors } from '../src/audit/index.ts'
import { configurationProblemCodes, configurationReference } from '../src/config/index.ts'
import type { ErrorSpec, Fault } from '../src/core/index.ts'
import { gatewayErrors } from '../src/gateway/index.ts'
import { upstreamErrors } from '../src/upstream/index.ts'
import { httpErrors } from '../src/http/index.ts'
import { identityErrors } from '../src/identity/index.ts'
import { loginErrors } from '../src/login/index.ts'
import { metadataErrors } from '../src/metadata/index.ts'
import { policyErrors } from '../src/policy/index.ts'
import { proofErrors } from '../src/proof/index.ts'
import { signalErrors } from '../src/signals/index.ts'
import { throttleErrors } from '../src/throttle/index.ts'
import { tokenErrors } from '../src/token/index.ts'
import { webauthnErrors } from '../src/webauthn/index.ts'
import { commandReference } from './command-reference.ts'
import { keyReference } from './key-reference.ts'

interface Catalogue {
  readonly area: string
  readonly specs: Readonly<Record<string, ErrorSpec>>
}

/** Every catalogue, in the order a request and then a sign-in meets them. */
export const catalogues: readonly Catalogue[] = [
  gatewayErrors,
  upstreamErrors,
  proofErrors,
  throttleErrors,
  tokenErrors,
  policyErrors,
  auditErrors,
  httpErrors,
  loginErrors,
  webauthnErrors,
  metadataErrors,
  signalErrors,
  identityErrors,
  adminErrors,
]

const faults: Readonly<Record<Fault, string>> = {
  caller: 'the caller',
  operator: 'whoever runs the gateway',
  upstream: 'the service behind the gateway',
  proofgate: 'Proofgate itself',
}

/** `docs/errors.md`: what each code means and what to do about it. */
export function errorReference(): string {
  return `# Error reference

Made from the catalogues in the source by \`npm run generate\`; do not edit.

Every refusal is answered as \`application/problem+json\` (RFC 9457) with \`type\`, \`title\`, \`status\`, \`code\` and the
request id, and with nothing else: what exactly was found is in the audit record of that id
(\`proofgate audit show ID\`). The last column says who has to act for the answer to change.

${catalogues.map(section).join('\n\n')}

## \`config\`

Problems of the configuration are listed by \`proofgate check\`, all at once and each with its place. They are
never answered to a caller.

| code | when |
| --- | --- |
${Object.entries(configurationProblemCodes)
  .map(([code, meaning]) => `| \`${code}\` | ${cell(meaning)} |`)
  .join('\n')}
`
}

function section({ area, specs }: Catalogue): string {
  const rows = Object.entries(specs).map(([reason, { status, title, fault, doc }]) =>
    ['', `\`${area}.${reason}\``, String(status), title, doc, faults[fault], '']
      .map(cell)
      .join(' | ')
      .trim(),
  )
  return [
    `## \`${area}\``,
    '',
    '| code | status | title | when, and what to do | who acts |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

/** Every generated page by its path from the root of the repository. */
export async function generatedPages(): Promise<Readonly<Record<string, string>>> {
  const commands = readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8')
  return {
    'docs/cli.md': await commandReference(commands),
    'docs/condition-keys.md': keyReference(),
    'docs/configuration.md': configurationReference(),
    'docs/errors.md': errorReference(),
  }
}

if (import.meta.main) {
  const root = new URL('../', import.meta.url)
  for (const [path, text] of Object.entries(await generatedPages())) {
    writeFileSync(new URL(path, root), text)
    console.log(`wrote ${fileURLToPath(new URL(path, root))}`)
  }
}
