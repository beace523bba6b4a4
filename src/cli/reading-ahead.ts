const serving: readonly (string | undefined)[] = ['start', 'up', 'serve']

/** Whether a command runs a server: the process that reads its configuration starts before the command is loaded. */
export function readsAhead(named: string | undefined): boolean {
  return serving.includes(named)
}
