/** A host as it stands in names: the runtime's parser also takes `*`, braces and the like for one. */
const plain = /^https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/

/** Whether the text is an http(s) origin in its one form: lower case, no usual port, nothing behind the host. */
export function isPlainOrigin(text: string): boolean {
  return plain.test(text) && URL.parse(text)?.origin === text
}
