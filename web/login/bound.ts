/** A touch for exactly what a statement on the page says (docs/proof-format.md). */

/** What stands there is what stands in the statement, member by member; one of them names what it is about. */
function shows(shown: ParentNode, statement: string, about: string): boolean {
  const members = JSON.parse(statement) as Record<string, unknown>
  const found = [...shown.querySelectorAll<HTMLElement>('[data-member]')]
  return (
    found.some((one) => one.dataset['member'] === about) &&
    found.every((one) => one.textContent === members[one.dataset['member'] ?? ''])
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

/** The challenge is made of the statement: no other is signed from this page. */
export async function isBound(
  { challenge, nonce }: { readonly challenge: string; readonly nonce: string },
  { shown, statement, about }: { shown: ParentNode; statement: string; about: string },
): Promise<boolean> {
  const encoder = new TextEncoder()
  const tag = encoder.encode('proofgate-request-proof/1\0')
  const made = await digest(tag, bytesOf(nonce), await digest(encoder.encode(statement)))
  return textOf(made) === challenge && shows(shown, statement, about)
}
