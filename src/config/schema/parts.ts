import { z } from 'zod'
import { amount, text, word } from '../scalars.ts'

/*
 * What the objects of the shape are made of, beside the scalars.
 */

/** An absent section. Invariant: it inherits nothing, or a polluted prototype would fill it in. */
export const nothing = () => Object.create(null) as Record<string, never>

export function mapping<Shape extends z.ZodRawShape>(description: string, shape: Shape) {
  return z.strictObject(shape, { error: 'mapping' }).meta({ description })
}

export function named<Value extends z.ZodType>(description: string, value: Value) {
  return z
    .record(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'name' }), value, {
      error: 'mapping',
    })
    .meta({ description })
}

export function list<Item extends z.ZodType>(description: string, item: Item) {
  return z.array(item, { error: 'list' }).meta({ description })
}

export const oneLine = /^[^\p{Cc}\u2028\u2029]{1,200}$/u
export const label = (description: string) =>
  text('display', description, /^.{1,200}$/, (value) => oneLine.test(value))
export const name = (description: string) => text('name', description, /^[A-Za-z0-9_-]{1,64}$/)
export const filePath = (description: string) =>
  text('path', description, /^.{1,4096}$/, (value) => /^[^\0\n]{1,4096}$/.test(value))
export const algorithm = (description: string) => word('algorithm', description, ['ES256', 'RS256'])

export const throttle = (description: string) =>
  z
    .strictObject(
      {
        rate: amount('rate', 'requests per second', {
          min: 0,
          max: 1_000_000,
          whole: false,
          aboveMin: true,
        }),
        burst: amount('burst', 'requests at once', { min: 1, max: 1_000_000, whole: true }),
      },
      { error: 'throttle' },
    )
    .meta({ description })

/** As in condition keys. */
const tagName = /^[\p{L}\p{N}](?:[ \p{L}\p{N}_.+=@/:-]{0,126}[\p{L}\p{N}_.+=@/:-])?$/u
const claimForm = /^[A-Za-z0-9][A-Za-z0-9_.+=@/:-]{0,127}$/
const mostTags = 50
/** How many names one list of facts for conditions may have. */
const mostDeclared = 20

/** Condition keys are not case-sensitive, so the names of tags differ in more than case. */
export const tags = (description: string) =>
  z
    .record(
      z.string().refine((name) => tagName.test(name), { error: 'tagName' }),
      text('display', 'its value', /^.{1,200}$/, (value) => oneLine.test(value)),
      { error: 'mapping' },
    )
    .refine((all) => hasDistinct(Object.keys(all)) && Object.keys(all).length <= mostTags, {
      error: 'tags',
    })
    .meta({ description })

/** Names that become a part of condition keys. */
export const declared = <Item extends z.ZodType<string>>(description: string, item: Item) =>
  z
    .array(item, { error: 'list' })
    .refine((all) => hasDistinct(all) && all.length <= mostDeclared, { error: 'declared' })
    .meta({ description, maxItems: mostDeclared })

export const claimName = (description: string) => text('claim', description, claimForm)

function hasDistinct(names: readonly string[]): boolean {
  return new Set(names.map((one) => one.toLowerCase())).size === names.length
}
