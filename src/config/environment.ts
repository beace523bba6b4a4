/** What came of replacing the environment references of one text. */
export interface Substitution {
  readonly text: string
  /** Whether anything was replaced. */
  readonly substituted: boolean
  readonly failures: readonly {
    readonly reason: 'unset' | 'syntax'
    /** The variable, or the malformed reference. */
    readonly name: string
    /** Index in the text before substitution. */
    readonly at: number
  }[]
}

export type Environment = Readonly<Record<string, string | undefined>>

const reference = /\$\{([^}]*)(\}?)/g
const referenceBody = /^([A-Za-z_][A-Za-z0-9_]{0,127})(?::-([\s\S]*))?$/

/**
 * Replaces `${NAME}` and `${NAME:-default}`. What is put in is not looked at again. As in a shell the
 * default also stands in for a variable that is set but empty.
 *
 * With `foreign: 'keep'` anything else that begins with `${` stays as it is: policy variables such as
 * `${aws:username}` are not references. Otherwise it is a failure, so that a slip is not taken literally.
 */
export function substituteEnvironment(
  text: string,
  environment: Environment,
  foreign: 'keep' | 'refuse',
): Substitution {
  const failures: { reason: 'unset' | 'syntax'; name: string; at: number }[] = []
  let substituted = false
  const replaced = text.replace(reference, (whole, body: string, close: string, at: number) => {
    const match = close === '}' ? referenceBody.exec(body) : null
    if (match === null) {
      if (foreign === 'refuse') failures.push({ reason: 'syntax', name: whole, at })
      return whole
    }
    const name = match[1] ?? ''
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined
    substituted = true
    if (match[2] !== undefined) return value === undefined || value === '' ? match[2] : value
    if (value !== undefined) return value
    failures.push({ reason: 'unset', name, at })
    return ''
  })
  return { text: replaced, substituted, failures }
}
