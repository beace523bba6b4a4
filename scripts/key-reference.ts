import { contextKeys, keyFamilies } from '../src/policy/index.ts'
import type { Callers, ContextKey, KeyFamily } from '../src/policy/index.ts'

const callers: Readonly<Record<Callers, string>> = {
  everybody: 'everybody',
  known: 'people, and callers an external issuer vouches for',
  people: 'people',
  external: 'callers an external issuer vouches for',
}

/** `docs/condition-keys.md`: a section for each key. */
export function keyReference(): string {
  const rows = [...contextKeys, ...keyFamilies].map(
    (key) => `| [\`${key.name}\`](#${anchorOf(key.name)}) | ${typeOf(key)} | ${presenceOf(key)} |`,
  )
  return `# Condition keys

Made from the schema of the keys by \`npm run generate\`; do not edit.

What a \`Condition\` can compare ([the policy language](policy-language.md#conditions)), for every kind of policy. Keys
are compared without regard to case. A key that is not here is an error when the configuration is loaded.

| key | type | in a request |
| --- | --- | --- |
${rows.join('\n')}

${[...contextKeys, ...keyFamilies].map(section).join('\n\n')}
`
}

function section(key: ContextKey | KeyFamily): string {
  const always = key.presence === 'always'
  const facts = [
    ['type', typeOf(key)],
    ['known of', callers[key.callers]],
    always ? ['in a request', alwaysWith(key.without)] : ['absent', key.without],
    ['taken from', key.source],
    ...('declaredBy' in key ? [['exists when', `${key.declaredBy} names it`]] : []),
  ]
  return `## \`${key.name}\`

${capital(key.about)}.

| | |
| --- | --- |
${facts.map(([name, text]) => `| ${name} | ${text} |`).join('\n')}

\`\`\`json
${JSON.stringify({ Condition: key.example }, null, 2)}
\`\`\``
}

function alwaysWith(without: string): string {
  return without === '' ? 'always' : `always; ${without}`
}

function typeOf({ type, alsoType, several }: ContextKey): string {
  const names = { arn: 'ARN', any: 'text, number, boolean', address: 'IP address' }
  const nameOf = (one: ContextKey['type']): string =>
    Object.hasOwn(names, one) ? names[one as keyof typeof names] : one
  const name = alsoType === undefined ? nameOf(type) : `${nameOf(type)} or ${nameOf(alsoType)}`
  if (several === 'always') return `list of ${name}s`
  return several === 'maybe' ? `${name}, or a list` : name
}

function presenceOf({ presence }: ContextKey): string {
  return presence === 'always' ? 'always' : 'may be absent'
}

/** As GitHub makes them. */
function anchorOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
