/** The approval page: a touch for exactly what the page shows. */
import { form, onSubmit, say } from './page.ts'
import { answerOf, Problem, requireSupport, send } from './passkey.ts'

interface ApprovalAnswer {
  readonly publicKey?: PublicKeyCredentialRequestOptionsJSON
  readonly nonce?: string
  readonly complete?: boolean
}

const approve = form('approve')
const proof = approve.dataset['proof'] ?? ''
const statement = approve.dataset['statement'] ?? ''

/** What stands on the page is what stands in the statement, member by member. */
function showsStatement(): boolean {
  const members = JSON.parse(statement) as Record<string, unknown>
  const shown = [...document.querySelectorAll<HTMLElement>('[data-member]')]
  return (
    shown.some((one) => one.dataset['member'] === 'sentence') &&
    shown.every((one) => one.textContent === members[one.dataset['member'] ?? ''])
  )
}

async function digest(
  ...parts: readonly Uint8Array<ArrayBuffer>[]
): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(await new Blob([...parts]).arrayBuffer())
  return new Uint8Array(await crypto.subtle.digest('SHA-256', whole))
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(plain, (mark) => mark.charCodeAt(0))
}

function textOf(bytes: Uint8Array): string {
  const plain = btoa(String.fromCharCode(...bytes))
  return plain.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** The challenge is made of the statement (docs/proof-format.md): no other is signed from this page. */
async function isForThis(challenge: string, nonce: string): Promise<boolean> {
  const encoder = new TextEncoder()
  const tag = encoder.encode('proofgate-request-proof/1\0')
  const made = await digest(tag, bytesOf(nonce), await digest(encoder.encode(statement)))
  return textOf(made) === challenge && showsStatement()
}

onSubmit(approve, async () => {
  requireSupport()
  try {
    const asked = (await send(`/approve/${proof}/options`, {})) as ApprovalAnswer
    const { publicKey, nonce } = asked
    if (publicKey === undefined || nonce === undefined) throw new Error('no options')
    if (!(await isForThis(publicKey.challenge, nonce))) {
      say('differs', 'problem')
      return
    }
    say('waiting')
    const credential = await navigator.credentials.get({
      publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey),
    })
    say('checking')
    const answer = (await send(`/approve/${proof}/verify`, answerOf(credential))) as ApprovalAnswer
    approve.hidden = true
    say(answer.complete === true ? 'approved' : 'counted', 'done')
  } catch (error) {
    if (!(error instanceof Problem) || !error.code.startsWith('proof.')) throw error
    say('ended', 'problem', error.requestId)
  }
})
