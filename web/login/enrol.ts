/** Enrolment, step by step: touch, name, a second key. */
import { element, form, onSubmit, say, sayOutcome } from './page.ts'
import { answerOf, base, Problem, requireSupport, send, supported, withProof } from './passkey.ts'
import type { Answer } from './passkey.ts'
import { signal } from './signal.ts'

const page = element('enrol')
const nameField = document.querySelector<HTMLInputElement>('#name')
const steps = ['step-touch', 'step-name', 'step-second']
const marks = document.querySelectorAll('.steps li')

let ticket = page.dataset['ticket'] ?? ''
let csrf = page.dataset['csrf'] ?? ''
const wished = page.dataset['after'] ?? ''
let afterwards = wished === '' ? `${base}/account` : wished
const ceremony = `/webauthn/${page.dataset['ceremony'] ?? ''}`
let credentialId = ''
let furthest = 0
let secondWanted = page.dataset['second'] === 'yes'

function show(step: string): void {
  for (const [index, id] of steps.entries()) {
    element(id).hidden = id !== step
    if (id === step) furthest = Math.max(furthest, index)
  }
  for (const [index, mark] of marks.entries()) {
    if (index === furthest) mark.setAttribute('aria-current', 'step')
    else mark.removeAttribute('aria-current')
  }
  element(step).querySelector('h2')?.focus()
}

/** From the name to the offer of a second key, or on to the account. */
function goOn(): void {
  if (!secondWanted) {
    location.assign(afterwards)
    return
  }
  secondWanted = false
  show('step-second')
}

/** Registration: options, the browser's dialog, the server's verdict. */
async function register(): Promise<Answer> {
  requireSupport()
  const json = await send(`${ceremony}/options`, ticket === '' ? {} : { ticket })
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
    json as PublicKeyCredentialCreationOptionsJSON,
  )
  say('waiting')
  const credential = await navigator.credentials.create({ publicKey })
  say('checking')
  return await send(`${ceremony}/verify`, answerOf(credential))
}

/** Registration, with a fresh proof first; a session that has ended is begun again by signing in. */
async function touched(): Promise<Answer> {
  try {
    return await withProof(register, () => say('confirmFirst'))
  } catch (error) {
    if (error instanceof Problem && error.status === 401) {
      location.assign(`${base}/sign-in?return_to=${encodeURIComponent(afterwards)}`)
    }
    throw error
  }
}

async function create(): Promise<void> {
  const answer = await touched()
  await signal(answer.signal)
  // A ticket is spent by its first passkey; the session it opened carries what follows.
  ticket = ''
  credentialId = answer.credentialId ?? ''
  csrf = answer.csrf ?? csrf
  if (wished === '') afterwards = answer.redirect ?? afterwards
  if (nameField !== null) nameField.value = nameField.defaultValue
  show('step-name')
  say('created', 'done')
}

async function rename(): Promise<void> {
  const path = `${base}/account/credentials/${encodeURIComponent(credentialId)}/rename`
  await send(path, new URLSearchParams({ csrf, name: nameField?.value.trim() ?? '' }))
}

onSubmit(form('step-touch'), create)

onSubmit(form('step-name'), async () => {
  try {
    await withProof(rename, () => say('confirmFirst'))
  } catch (error) {
    if (error instanceof Problem) say('notNamed', 'problem', error.requestId)
    else sayOutcome(error)
    return
  }
  goOn()
  say('named', 'done')
})

onSubmit(form('step-second'), create)

for (const skip of document.querySelectorAll('.step a')) {
  skip.addEventListener('click', (event) => {
    event.preventDefault()
    say('')
    goOn()
  })
}

if (!supported()) say('unsupported', 'problem')
