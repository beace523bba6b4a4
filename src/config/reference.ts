import { z } from 'zod'
import { canonicalJson, isJsonObject } from '../core/index.ts'
import type { Json, JsonObject } from '../core/index.ts'
import { problemCodes } from './problems.ts'
import { configurationShape } from './schema.ts'

/** JSON Schema 2020-12 of proofgate.yaml, made from the objects that parse it. */
export function configurationSchema(): JsonObject {
  const schema = z.toJSONSchema(configurationShape, { io: 'input' }) as unknown as JsonObject
  return JSON.parse(JSON.stringify(schema)) as JsonObject
}

/** The reference for people, as Markdown: every key, its type, default and meaning, and every code. */
export function configurationReference(): string {
  const rows = [...keyRows(configurationSchema(), '')]
  const codes = Object.entries(problemCodes).map(
    ([code, meaning]) => `| \`${code}\` | ${meaning} |`,
  )
  return `# Configuration reference

Made from the schema; do not edit. \`proofgate init\` writes a commented file to begin with, \`proofgate check\`
checks it, \`proofgate config show\` shows every effective value and where it came from.

Durations are \`250ms\`, \`10s\`, \`5m\`, \`12h\`, \`7d\`; sizes \`16KiB\`, \`1MiB\` or a number of bytes. Any text may hold
\`\${NAME}\` or \`\${NAME:-default}\`; between \`{ }\` or \`[ ]\` it has to be quoted. Unknown and duplicate keys are refused.

## Keys

| key | type | default | meaning |
| --- | --- | --- | --- |
${rows.join('\n')}

## Problems

\`proofgate check\` lists all of them at once. Faults inside policy documents have codes of the policy language.

| code | when |
| --- | --- |
${codes.join('\n')}
`
}

function* keyRows(schema: JsonObject, prefix: string): Generator<string> {
  const required = asList(schema['required'])
  for (const [key, member] of Object.entries(asObject(schema['properties']))) {
    const path = prefix === '' ? key : `${prefix}.${key}`
    const property = asObject(member)
    const isRequired = required.includes(key)
    const cells = [`\`${path}\``, typeOf(property), defaultOf(property, isRequired)]
    yield `| ${[...cells, text(property['description'])].join(' | ')} |`
    yield* keyRows(property, path)
    for (const option of asList(property['anyOf'])) yield* keyRows(asObject(option), path)
    yield* keyRows(asObject(property['items']), `${path}[]`)
    yield* keyRows(asObject(property['additionalProperties']), `${path}.NAME`)
  }
}

function typeOf(property: JsonObject): string {
  const options = asList(property['enum'])
  if (options.length > 0) return options.map((option) => `\`${text(option)}\``).join(', ')
  if (property['const'] !== undefined) return `\`${text(property['const'])}\``
  const choices = asList(property['anyOf']).map(asObject)
  if (choices.some((choice) => choice['anyOf'] !== undefined)) {
    return [...new Set(choices.map(typeOf))].join(' or ')
  }
  return text(property['type'] ?? choices[0]?.['type'] ?? 'object').replace('object', 'mapping')
}

function defaultOf(property: JsonObject, isRequired: boolean): string {
  if (isRequired) return 'required'
  const value = property['default']
  if (value === undefined || (isJsonObject(value) && Object.keys(value).length === 0)) return ''
  return `\`${typeof value === 'string' ? value : canonicalJson(value)}\``
}

function asObject(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {}
}

function asList(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : []
}

function text(value: Json | undefined): string {
  const shown = typeof value === 'string' ? value : value === undefined ? '' : canonicalJson(value)
  return shown.replaceAll('|', '\\|')
}
