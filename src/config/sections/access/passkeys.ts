import type { Draft } from '../../draft.ts'
import type { Configuration } from '../../model.ts'
import { readAmount, readDuration } from '../../scalars.ts'
import { checkReference } from '../people.ts'

/** How passkeys age, and how many the people of some groups need. */
export function resolvePasskeys(draft: Draft): Pick<Configuration, 'passkeys' | 'recovery'> {
  const { rotateAfter, warnBefore, graceAfter, unusedFor, atLeast } = draft.shape.passkeys
  const ageing = {
    rotateAfter: rotateAfter === undefined ? undefined : readDuration(rotateAfter),
    warnBefore: readDuration(warnBefore),
    graceAfter: readDuration(graceAfter),
    unusedFor: unusedFor === undefined ? undefined : readDuration(unusedFor),
  }
  checkWarning(draft, ageing)
  const { recovery } = draft.shape
  if (recovery !== undefined) {
    checkReference(draft, ['recovery', 'approvers'], recovery.approvers, 'groups')
  }
  return {
    recovery: recovery === undefined ? undefined : { ...recovery },
    passkeys: {
      ageing,
      atLeast: Object.entries(atLeast).map(([group, count]) => {
        checkReference(draft, ['passkeys', 'atLeast', group], group, 'groups')
        return { group, count: readAmount(count) }
      }),
    },
  }
}

/** Somebody who is warned from the first day on learns nothing from it. */
function checkWarning(
  draft: Draft,
  { rotateAfter, warnBefore }: Configuration['passkeys']['ageing'],
): void {
  if (rotateAfter === undefined || warnBefore < rotateAfter) return
  const written = draft.shape.passkeys
  const said = draft.says(['passkeys', 'warnBefore'])
  draft.report(['passkeys', said ? 'warnBefore' : 'rotateAfter'], {
    code: 'config.passkeys',
    message: `found a warning of ${written.warnBefore} before an age of ${written.rotateAfter ?? ''}, expected the warning to be the shorter`,
    hint: 'Shorten `warnBefore` or lengthen `rotateAfter`.',
  })
}
