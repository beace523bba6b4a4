import type { OutgoingRequest, ResponseHead } from './contract.ts'

/** Whether an answer goes on for as long as both sides want (WHATWG HTML 9.2). */
export function isEventStream({ headers }: Pick<ResponseHead, 'headers'>): boolean {
  return headers.some(
    (name, at) =>
      at % 2 === 0 &&
      name.toLowerCase() === 'content-type' &&
      (headers[at + 1] ?? '').toLowerCase().startsWith('text/event-stream'),
  )
}

/** Invariant: no caller lifts a time-out by what it asks for alone; the service has to answer with events. */
export function mayLast(request: OutgoingRequest, head: ResponseHead): boolean {
  return request.acceptsEvents === true && isEventStream(head)
}
