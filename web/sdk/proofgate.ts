/**
 * For pages of an API's host: `proofgateFetch` is `fetch` that sees to it when the gateway demands a touch
 * for exactly this request. It shows people where to approve, waits, and sends the same request once more.
 */

/** What the gateway asked for (docs/proof-format.md). */
export interface Demanded {
  readonly id: string
  /** What will happen, in one sentence. */
  readonly sentence: string
  /** The page where somebody approves. */
  readonly approval: string
  readonly status: string
  readonly expiresAt: string
  /** Whether another browser or device has to be used. */
  readonly elsewhere: boolean
}

export interface ProofgateInit extends RequestInit {
  /** Shows people where to approve; opens a window of its own, or a dialog with the address, unless given. */
  readonly onDemand?: (demanded: Demanded) => void
  /** Called when the waiting is over, however it ended. */
  readonly onSettled?: (state: string) => void
}

/** The request was not approved: `state` is `denied`, `expired` or `redeemed`. */
export class NotApproved extends Error {
  readonly state: string
  readonly demanded: Demanded

  constructor(state: string, demanded: Demanded) {
    super(`the request was not approved: ${state}`)
    this.name = 'NotApproved'
    this.state = state
    this.demanded = demanded
  }
}

/** As `fetch`, for requests to the page's own host. Throws `NotApproved` when somebody says no. */
export async function proofgateFetch(
  input: RequestInfo | URL,
  init: ProofgateInit = {},
): Promise<Response> {
  const { onDemand = show, onSettled = hide, ...plain } = init
  const asked = new Request(input, plain)
  // Kept, because the bytes that are sent again have to be these.
  const body = await asked.clone().arrayBuffer()
  const send = (proof?: string): Promise<Response> => {
    const headers = new Headers(asked.headers)
    if (proof !== undefined) headers.set('proofgate-proof', `id="${proof}"`)
    return fetch(asked.url, {
      method: asked.method,
      headers,
      credentials: asked.credentials,
      redirect: asked.redirect,
      signal: asked.signal,
      ...(body.byteLength > 0 ? { body } : {}),
    })
  }
  const answer = await send()
  const demanded = await demandOf(answer, asked.url)
  if (demanded === undefined) return answer
  onDemand(demanded)
  let state = 'pending'
  try {
    state = await settled(demanded, asked.signal)
  } finally {
    onSettled(state)
  }
  if (state !== 'approved') throw new NotApproved(state, demanded)
  return await send(demanded.id)
}

interface Problem {
  readonly code?: string
  readonly proof?: Omit<Demanded, 'elsewhere'> & { readonly statement: string }
}

interface Statement {
  readonly approvers: { readonly self: boolean; readonly separate: boolean }
}

async function demandOf(answer: Response, url: string): Promise<Demanded | undefined> {
  const type = answer.headers.get('content-type') ?? ''
  if (answer.status !== 401 || !type.startsWith('application/problem+json')) return undefined
  const { code, proof } = (await answer.clone().json()) as Problem
  if (code !== 'proof.required' || proof === undefined) return undefined
  const { id, sentence, approval, status, expiresAt } = proof
  // Asked with this page's session, so it is asked at the host that this page sent the request to.
  if (new URL(status).origin !== new URL(url).origin) return undefined
  const { approvers } = JSON.parse(proof.statement) as Statement
  return {
    id,
    sentence,
    approval,
    status,
    expiresAt,
    elsewhere: approvers.separate || !approvers.self,
  }
}

/** How long one question may be left open; the gateway answers earlier when something happens. */
const patience = 20

async function settled({ status }: Demanded, signal: AbortSignal): Promise<string> {
  for (;;) {
    const answer = await fetch(`${status}?wait=${patience}`, { signal, credentials: 'same-origin' })
    if (!answer.ok && answer.status !== 429 && answer.status < 500) return 'expired'
    const { state = 'pending' } = (answer.ok ? await answer.json() : {}) as { state?: string }
    if (state !== 'pending') return state
    await new Promise((resolve) => setTimeout(resolve, answer.ok ? 250 : 2000))
  }
}

let dialog: HTMLDialogElement | undefined

function show(demanded: Demanded): void {
  if (!demanded.elsewhere) {
    const opened = window.open(demanded.approval, 'proofgate', 'popup,width=520,height=720')
    if (opened !== null) return
  }
  dialog = document.createElement('dialog')
  const [what, where] = [document.createElement('p'), document.createElement('p')]
  what.textContent = demanded.sentence
  const link = document.createElement('a')
  Object.assign(link, { href: demanded.approval, target: '_blank', rel: 'noopener' })
  link.textContent = demanded.approval
  where.append(demanded.elsewhere ? 'Approve it on another device: ' : 'Approve it here: ', link)
  dialog.append(what, where)
  document.body.append(dialog)
  dialog.showModal()
}

function hide(): void {
  dialog?.remove()
  dialog = undefined
}
