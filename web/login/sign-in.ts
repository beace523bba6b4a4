/** Sign-in: a passkey offered in the field from the start, and a button that asks for one. */
import { form, onSubmit, say, sayOutcome } from './page.ts'
import { authenticate, base, outcomeOf, supported } from './passkey.ts'

/** A challenge is good for five minutes; the waiting one is renewed before that. */
const renewAfter = 4 * 60_000

const signIn = form('sign-in')
const returnTo = signIn.dataset['returnTo'] ?? ''
let waiting = new AbortController()
let renewal = 0

async function enter(conditional: boolean): Promise<void> {
  waiting.abort()
  clearTimeout(renewal)
  const own = new AbortController()
  waiting = own
  const answer = await authenticate({
    purpose: 'sign-in',
    returnTo,
    conditional,
    signal: own.signal,
    progress: say,
  })
  say('welcome', 'done')
  location.assign(answer.redirect ?? `${base}/account`)
}

/** Offers passkeys in the field. Only what a person's own choice led to is worth a message. */
async function offer(): Promise<void> {
  const before = waiting
  const possible = await PublicKeyCredential.isConditionalMediationAvailable()
  // Whoever pressed the button meanwhile has begun something that an offer would end.
  if (!possible || waiting !== before) return
  const entered = enter(true)
  renewal = setTimeout(() => void offer(), renewAfter)
  await entered.catch((error: unknown) => {
    const outcome = outcomeOf(error)
    if (outcome !== 'replaced' && outcome !== 'cancelled') sayOutcome(error)
  })
}

if (supported()) {
  onSubmit(signIn, async () => {
    try {
      await enter(false)
    } catch (error) {
      sayOutcome(error)
      if (outcomeOf(error) === 'cancelled') void offer()
    }
  })
  void offer()
} else {
  say('unsupported', 'problem')
  onSubmit(signIn, async () => say('unsupported', 'problem'))
}
