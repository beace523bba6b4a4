/** The approval page: a touch for exactly what the page shows. */
import { isBound } from './bound.ts'
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

onSubmit(approve, async () => {
  requireSupport()
  try {
    const asked = (await send(`/approve/${proof}/options`, {})) as ApprovalAnswer
    const { publicKey, nonce } = asked
    if (publicKey === undefined || nonce === undefined) throw new Error('no options')
    const { challenge } = publicKey
    const about = { shown: document, statement, about: 'sentence' }
    if (!(await isBound({ challenge, nonce }, about))) {
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
