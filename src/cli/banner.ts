import type { Banner } from './serving.ts'

/** What a person reads first. Standard output, so that it can be piped. */
export async function printBanner(
  { configuration, enrolment }: Banner,
  options: { sample: boolean; command: string; json: boolean },
): Promise<void> {
  if (options.json) {
    process.stdout.write(`${JSON.stringify(facts({ configuration, enrolment }))}\n`)
    return
  }
  const { identity, apis, listeners } = configuration
  const [api] = apis
  const admin = `http://${listeners.admin.address}:${listeners.admin.port}`
  const lines = [
    '',
    `Proofgate is up.`,
    `  Sign in    ${identity.origin}${identity.basePath}/account`,
    ...apis.map((one) => `  API        ${one.origin}  (${one.name})`),
    `  Health     ${admin}/readyz   Metrics ${admin}/metrics`,
    `  Data       ${configuration.dataDirectory}`,
  ]
  if (enrolment !== undefined) {
    const { renderUnicodeCompact } = await import('uqr')
    lines.push(
      '',
      `Nobody has a passkey yet. Open this link once, within 15 minutes, as ${enrolment.username}:`,
      '',
      `  ${enrolment.link}`,
      '',
      renderUnicodeCompact(enrolment.link),
    )
  }
  if (api !== undefined) {
    const path = options.sample ? '/orders/1' : '/'
    lines.push(
      '',
      'Then call the API:',
      `  in a browser      ${api.origin}${options.sample ? '/whoami' : '/'}`,
      `  from a terminal   ${options.command} login --issuer ${identity.issuer}`,
      `                    ${options.command} curl ${api.origin}${path}`,
      `What was decided:   ${options.command} audit tail`,
      '',
    )
  }
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** The same for programs, on one line. */
function facts({ configuration, enrolment }: Banner): Record<string, unknown> {
  const { identity, apis, listeners, relyingParty } = configuration
  return {
    issuer: identity.issuer,
    identity: `${identity.origin}${identity.basePath}`,
    relyingPartyId: relyingParty.id,
    console: `${configuration.console.origin}${configuration.console.basePath}`,
    apis: apis.map((api) => ({ name: api.name, origin: api.origin, audience: api.audience })),
    admin: `http://${listeners.admin.address}:${listeners.admin.port}`,
    dataDirectory: configuration.dataDirectory,
    enrolment: enrolment ?? null,
  }
}
