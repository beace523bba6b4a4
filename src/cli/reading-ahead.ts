import { ConfigurationReader } from '../config/apart/index.ts'

const serving: readonly (string | undefined)[] = ['start', 'up', 'serve']

/** The process that reads takes as long to start as the command line to load: for who serves, it starts first. */
export function readAhead(named: string | undefined): ConfigurationReader | undefined {
  return serving.includes(named) ? new ConfigurationReader() : undefined
}
