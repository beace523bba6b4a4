import { spawn } from 'node:child_process'

interface Launch {
  readonly command: string
  readonly parameters: readonly string[]
}

/**
 * How to show an address on this machine, `undefined` where there is no screen. No shell is involved, so
 * nothing in the address is ever read as a command.
 */
export function browserLaunch(
  url: string,
  platform: NodeJS.Platform,
  environment: Readonly<Record<string, string | undefined>>,
): Launch | undefined {
  const chosen = (environment['BROWSER'] ?? '').split(/\s+/).filter((word) => word !== '')
  const [command, ...rest] = chosen
  if (command !== undefined) {
    const placed = rest.map((word) => word.replaceAll('%s', () => url))
    const isPlaced = rest.some((word) => word.includes('%s'))
    return { command, parameters: isPlaced ? placed : [...rest, url] }
  }
  if (platform === 'darwin') return { command: 'open', parameters: [url] }
  if (platform === 'win32') {
    return { command: 'rundll32', parameters: ['url.dll,FileProtocolHandler', url] }
  }
  const screen = environment['DISPLAY'] ?? environment['WAYLAND_DISPLAY'] ?? ''
  return screen === '' ? undefined : { command: 'xdg-open', parameters: [url] }
}

/** Starts the browser and leaves it alone; false when it cannot be started. */
export function openBrowser(url: string): Promise<boolean> {
  const launch = browserLaunch(url, process.platform, process.env)
  if (launch === undefined) return Promise.resolve(false)
  return new Promise((resolve) => {
    const child = spawn(launch.command, launch.parameters, { detached: true, stdio: 'ignore' })
    child.once('error', () => resolve(false))
    child.once('spawn', () => {
      child.unref()
      resolve(true)
    })
  })
}
