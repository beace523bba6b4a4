import type { Strings } from './strings.ts'

/** Which passkeys somebody may register. */
export interface WantedKey {
  readonly kind: 'any' | 'device-bound' | 'hardware-only'
  /** It has to be on each of these lists: names of models, and makers any of whose models will do. */
  readonly lists: readonly {
    readonly models: readonly string[]
    readonly makers: readonly string[]
  }[]
  /** The least level of certification. */
  readonly certification: string | undefined
  /** Whether it has to be one of the devices that the organisation has listed. */
  readonly own: boolean
}

const mostNames = 20

/** A sentence for each rule that says which key would do; none where every passkey does. */
export function wantedSentences(wanted: WantedKey, strings: Strings): readonly string[] {
  const text = strings.wantedKey
  const sentences = [
    ...(wanted.kind === 'hardware-only' ? [text.hardware] : []),
    ...(wanted.kind === 'device-bound' ? [text.deviceBound] : []),
    ...(wanted.own ? [text.own] : []),
    ...wanted.lists.map((list) => listSentence(list, strings)),
    ...(wanted.certification === undefined
      ? []
      : [text.certification.replace('{level}', wanted.certification)]),
  ]
  const isProved = sentences.length > 0 && sentences[0] !== text.deviceBound
  return isProved || sentences.length > 1 ? [...sentences, text.allow] : sentences
}

function listSentence({ models, makers }: WantedKey['lists'][number], strings: Strings): string {
  const text = strings.wantedKey
  const names = [...makers.map((maker) => text.anyOf.replace('{maker}', () => maker)), ...models]
  if (names.length === 0) return text.none
  const shown = names.length > mostNames ? [...names.slice(0, mostNames), '…'] : names
  const joined = new Intl.ListFormat(strings.language, { type: 'disjunction' }).format(shown)
  return text.names.replace('{names}', () => joined)
}
