import type { Step, Units } from './template.ts'

const slash = 0x2f

/** Whether some text is matched by both. Takes time in proportion to the product of the lengths. */
export function overlaps(pattern: readonly Step[], template: readonly Step[]): boolean {
  return walk(pattern, template, (left, right, reach) => {
    if (right?.repeats === true) reach(0, 1)
    if (left === undefined || right === undefined || !share(left.units, right.units)) return
    reach(left.repeats ? 0 : 1, right.repeats ? 0 : 1)
  })
}

/**
 * Whether every text of the template is matched by the pattern. What it says is so; it does not find
 * everything that is so.
 */
export function covers(pattern: readonly Step[], template: readonly Step[]): boolean {
  return walk(pattern, template, (left, right, reach) => {
    if (left === undefined || right === undefined || !includes(left.units, right.units)) return
    // Only a run is sure to take as much as there is of a run.
    if (!right.repeats || left.repeats) reach(left.repeats ? 0 : 1, 1)
  })
}

type Reach = (left: 0 | 1, right: 0 | 1) => void

/** Whether both can be walked through to their ends together, by these moves and by ending a run of the pattern. */
function walk(
  pattern: readonly Step[],
  template: readonly Step[],
  move: (left: Step | undefined, right: Step | undefined, reach: Reach) => void,
): boolean {
  const width = template.length + 1
  const end = pattern.length * width + template.length
  const seen = new Uint8Array(end + 1)
  const open = [0]
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (state === end) return true
    const reach: Reach = (left, right) => {
      const next = state + left * width + right
      if (seen[next] === 1) return
      seen[next] = 1
      open.push(next)
    }
    const left = pattern[Math.floor(state / width)]
    if (left?.repeats === true) reach(1, 0)
    move(left, template[state % width], reach)
  }
  return false
}

function share(left: Units, right: Units): boolean {
  return includes(left, right) || includes(right, left)
}

function includes(all: Units, some: Units): boolean {
  if (all === 'any' || all === some) return true
  return all === 'no-slash' && typeof some === 'number' && some !== slash
}
