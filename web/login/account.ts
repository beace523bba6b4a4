/** The account page: forms are sent without leaving it, with a fresh proof where one is asked for. */
import { onSubmit, say, sayOutcome } from './page.ts'
import { base, Problem, send, withProof } from './passkey.ts'
import { signal } from './signal.ts'

function bodyOf(form: HTMLFormElement): URLSearchParams {
  const body = new URLSearchParams()
  for (const [name, value] of new FormData(form)) {
    if (typeof value === 'string') body.append(name, value)
  }
  return body
}

async function submit(form: HTMLFormElement, pressed: HTMLElement | null): Promise<void> {
  const address = pressed?.getAttribute('formaction') ?? form.getAttribute('action') ?? ''
  try {
    const answer = await withProof(
      () => send(address, bodyOf(form)),
      () => say('confirmFirst'),
    )
    await signal(answer.signal)
    say('done', 'done')
    if (answer.redirect === undefined) location.reload()
    else location.assign(answer.redirect)
  } catch (error) {
    if (error instanceof Problem && error.status === 401) location.assign(`${base}/sign-in`)
    else if (refused(error)) say('refused', 'problem', error.requestId)
    else sayOutcome(error)
  }
}

/** A no to the form itself, not to a passkey. */
function refused(error: unknown): error is Problem {
  return error instanceof Problem && error.status < 429 && !error.code.startsWith('webauthn.')
}

for (const form of document.querySelectorAll<HTMLFormElement>('form[data-send]')) {
  onSubmit(form, (pressed) => submit(form, pressed))
}
