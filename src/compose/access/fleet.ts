import { createHash } from 'node:crypto'
import type { Configuration } from '../../config/index.ts'
import { Fleet } from '../../login/index.ts'
import type { FleetParts } from '../../login/index.ts'
import { loadMark, saveMark } from '../../storage/index.ts'
import type { Areas } from '../areas.ts'
import { authenticatorPolicy } from './authenticators.ts'

const mark = 'fleet_judged_by'

/** Judges the stored credentials of a data directory by the configuration and the metadata in force. */
export function openFleet(areas: Areas, told: Pick<FleetParts, 'onError' | 'onJudged'>): Fleet {
  const { configuration, metadata, revocationLists, database } = areas
  return new Fleet({
    ...areas,
    authenticators: () => authenticatorPolicy(configuration(), metadata, revocationLists),
    acts: () => configuration().authenticators.registered,
    obstacle: () => {
      const { state } = metadata.status()
      // What a list says no more would look like keys that lost what vouched for them.
      const counts = state !== 'unusable' && state !== 'overdue'
      if (!counts) return `nothing is judged while FIDO metadata is ${state}`
      return metadata.isBehind ? 'nothing is judged by a list that is not the newest' : undefined
    },
    basis: () => basisOf(configuration(), areas),
    lastBasis: {
      load: () => loadMark(database, mark),
      save: (basis) => saveMark(database, mark, basis),
    },
    ...told,
  })
}

/** Reports begin and end to count with a day. */
function basisOf(
  configuration: Configuration,
  { metadata, revocationLists, clock }: Areas,
): string {
  const { authenticators, groups, people } = configuration
  const { state, no, importedAt } = metadata.status()
  const rules = groups.map((group) => [group.name, group.authenticators])
  const members = people.map((person) => [person.username, person.groups])
  const day = new Date(clock.now()).toISOString().slice(0, 10)
  const basis = JSON.stringify([
    authenticators,
    rules,
    members,
    state,
    no,
    importedAt,
    revocationLists.facts,
    day,
  ])
  return createHash('sha256').update(basis).digest('hex')
}
