/** The few things every page's script does to its page. */
import { outcomeOf, Problem } from './passkey.ts'

export function element(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no ${id}`)
  return found
}

function message(key: string): string {
  const found = document.querySelector<HTMLElement>(`#messages [data-message="${key}"]`)
  return found?.textContent ?? ''
}

/** Says one of the page's messages in its live region; an empty key clears it. */
export function say(key: string, tone: 'calm' | 'problem' | 'done' = 'calm', extra = ''): void {
  const region = element('status')
  const paragraph = document.createElement('p')
  paragraph.textContent = extra === '' ? message(key) : `${message(key)} ${extra}`
  region.dataset['tone'] = tone
  region.replaceChildren(...(key === '' ? [] : [paragraph]))
}

/** Says what became of a ceremony; a ceremony that another one replaced ends without a word. */
export function sayOutcome(error: unknown): void {
  const outcome = outcomeOf(error)
  if (outcome === 'replaced') return
  const reference = error instanceof Problem ? error.requestId : ''
  const extra = reference === '' ? '' : `${message('reference')} ${reference}`
  say(outcome, outcome === 'cancelled' ? 'calm' : 'problem', extra)
}

/** Does `work` instead of sending the form, and not twice at a time. */
export function onSubmit(
  form: HTMLFormElement,
  work: (pressed: HTMLElement | null) => Promise<void>,
): void {
  let busy = false
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (busy) return
    busy = true
    form.setAttribute('aria-busy', 'true')
    void work(event.submitter)
      .catch(sayOutcome)
      .finally(() => {
        busy = false
        form.removeAttribute('aria-busy')
      })
  })
}

export function form(id: string): HTMLFormElement {
  const found = element(id)
  if (!(found instanceof HTMLFormElement)) throw new Error(`${id} is not a form`)
  return found
}
