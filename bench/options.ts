/** The command line of the benchmark. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

export interface Options {
  readonly json: boolean
  /** Also write the picture and a line of the history. */
  readonly save: boolean
  readonly full: boolean
  /** Folder of another checkout that is measured as well. */
  readonly beside?: string
  /** Seconds of load per subject and round. */
  readonly seconds: number
  readonly rounds: number
  readonly connections: number
  /** Names of subjects and sections. */
  readonly subjects: readonly string[]
  readonly sections: readonly string[]
}

/** Every name that may be chosen, and those that are unless others are. */
export interface Choices {
  readonly subjects: readonly string[]
  readonly defaultSubjects: readonly string[]
  readonly sections: readonly string[]
  /** What says that no section is wanted. */
  readonly noSection: string
}

/** Throws a message for people when an option is none of ours. */
export function parseOptions(choices: Choices): Options {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      beside: { type: 'string' },
      connections: { type: 'string', default: '64' },
      subjects: { type: 'string', default: choices.defaultSubjects.join(',') },
      sections: { type: 'string', default: choices.sections.join(',') },
    },
  })
  const { full } = values
  return {
    json: values.json,
    save: values.save,
    full,
    ...(values.beside === undefined ? {} : { beside: resolve(values.beside) }),
    // A round may not outlive the token it is sent with.
    seconds: parseCount('seconds', values.seconds ?? (full ? '8' : '3'), 120),
    rounds: parseCount('rounds', values.rounds ?? (full ? '7' : '3'), 25),
    connections: parseCount('connections', values.connections, 1000),
    subjects: parseNames('subject', values.subjects, choices.subjects),
    sections: parseNames('section', values.sections, [...choices.sections, choices.noSection]),
  }
}

function parseCount(name: string, text: string, most: number): number {
  const count = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > most) throw new Error(`--${name} ${text} is not from 1 to ${most}`)
  return count
}

function parseNames(kind: string, text: string, known: readonly string[]): readonly string[] {
  const names = [...new Set(text.split(','))]
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return names
  throw new Error(`there is no ${kind} ${unknown}; there are ${known.join(', ')}`)
}
