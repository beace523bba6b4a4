/** Step-up: one touch, then on to what was begun. */
import { form, onSubmit, say, sayOutcome } from './page.ts'
import { authenticate, base, Problem, supported } from './passkey.ts'

const stepUp = form('step-up')
const { request = '', returnTo = '' } = stepUp.dataset

const refusals = new Map([
  ['login.stronger_key_required', 'stronger'],
  ['login.step_up_ended', 'ended'],
  ['login.credential_restricted', 'restricted'],
])

async function confirm(): Promise<void> {
  try {
    const answer = await authenticate({
      purpose: 'confirm',
      stepUp: request,
      returnTo,
      progress: say,
    })
    say('welcome', 'done')
    location.assign(answer.redirect ?? `${base}/account`)
  } catch (error) {
    const own = error instanceof Problem ? refusals.get(error.code) : undefined
    if (own === undefined) sayOutcome(error)
    else say(own, 'problem')
  }
}

if (supported()) {
  onSubmit(stepUp, confirm)
} else {
  say('unsupported', 'problem')
  onSubmit(stepUp, async () => say('unsupported', 'problem'))
}
