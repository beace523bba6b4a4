/**
 * A set of texts that a request may have where only its route is known: `{id}` is a run of at least one
 * character without a slash, `{path+}` a run of at least one character; `any` is what `*` in a policy stands for.
 */
export type TemplatePart = { readonly text: string } | 'segment' | 'rest' | 'any'

export type Template = readonly TemplatePart[]

/** One step of a pattern or template: a UTF-16 unit, or a set of them, once or any number of times. */
export type Step = { readonly units: Units; readonly repeats: boolean }

/** A single unit, every one, or every one but the slash. */
export type Units = number | 'any' | 'no-slash'

const any: Step = { units: 'any', repeats: false }
const anyRun: Step = { units: 'any', repeats: true }
const noSlash: Step = { units: 'no-slash', repeats: false }
const noSlashRun: Step = { units: 'no-slash', repeats: true }

export const steps = { any, anyRun } as const

export function stepsOfText(text: string): Step[] {
  return Array.from({ length: text.length }, (_, at) => ({
    units: text.charCodeAt(at),
    repeats: false,
  }))
}

export function stepsOfTemplate(template: Template): Step[] {
  return template.flatMap((part) => {
    if (part === 'segment') return [noSlash, noSlashRun]
    if (part === 'any') return [anyRun]
    return part === 'rest' ? [any, anyRun] : stepsOfText(part.text)
  })
}

/** Cuts a template at its first colons, which have to stand in its text; `undefined` when they do not. */
export function cutTemplate(template: Template, count: number): readonly Template[] | undefined {
  const columns: TemplatePart[][] = [[]]
  for (const part of template) {
    if (typeof part === 'string') {
      if (columns.length < count) return undefined
      columns.at(-1)?.push(part)
      continue
    }
    let { text } = part
    for (let at = text.indexOf(':'); at !== -1 && columns.length < count; at = text.indexOf(':')) {
      columns.at(-1)?.push({ text: text.slice(0, at) })
      columns.push([])
      text = text.slice(at + 1)
    }
    columns.at(-1)?.push({ text })
  }
  return columns.length === count ? columns : undefined
}
