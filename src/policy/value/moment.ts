const dateForm = /^(\d{4})-(\d{2})(?:-(\d{2})(?:T(.+))?)?$/
const timeForm =
  /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)$/

/** Four digits would be a year, eight a day without dashes, twelve and more milliseconds. */
const epochForm = /^(?:\d{1,3}|\d{5,7}|\d{9,11})$/

/**
 * Milliseconds since the epoch of an ISO 8601 date (`2026-11-22`, midnight UTC; `2026-11`, its first day) or
 * date and time with its zone (`2026-11-22T09:00:00Z`), or of whole seconds since the epoch. `undefined` for
 * everything else, for what may be meant otherwise, for days that do not exist, and for a time without a zone.
 */
export function parseMoment(text: string): number | undefined {
  if (epochForm.test(text)) return Number(text) * 1000
  const fields = text.length > longestMoment ? null : dateForm.exec(text)
  if (fields === null) return undefined
  const midnight = parseDay(Number(fields[1]), Number(fields[2]), Number(fields[3] ?? 1))
  const time = parseTime(fields[4] ?? '00:00Z')
  return midnight === undefined || time === undefined ? undefined : midnight + time
}

const longestMoment = 40

/**
 * `Date.UTC` carries 30 February over into March; only a day that stays itself exists. A month that is none
 * comes out in another year.
 */
function parseDay(year: number, month: number, day: number): number | undefined {
  const date = new Date(Date.UTC(year, month - 1, day))
  const exists = date.getUTCFullYear() === year && date.getUTCDate() === day
  return exists ? date.getTime() : undefined
}

/** Milliseconds since midnight UTC; below zero or above a day where the zone makes it so. */
function parseTime(text: string): number | undefined {
  const fields = timeForm.exec(text)
  if (fields === null) return undefined
  const [, hour, minute, second = '0', fraction = '0', zone = 'Z'] = fields
  const minutes = Number(hour) * 60 + Number(minute) - offsetMinutes(zone)
  return (minutes * 60 + Number(second)) * 1000 + Math.floor(Number(`0.${fraction}`) * 1000)
}

function offsetMinutes(zone: string): number {
  if (zone === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4))
  return zone.startsWith('-') ? -minutes : minutes
}
