import { chromium } from 'playwright-core'
import type {
  Browser,
  BrowserContext,
  BrowserContextOptions,
  CDPSession,
  Page,
} from 'playwright-core'
import { findChromium, sandboxIsPossible } from './chromium.ts'

/** Options of CDP `WebAuthn.addVirtualAuthenticator`. */
export interface AuthenticatorOptions {
  readonly protocol?: 'ctap2' | 'u2f'
  readonly ctap2Version?: 'ctap2_0' | 'ctap2_1'
  readonly transport?: 'usb' | 'nfc' | 'ble' | 'internal'
  readonly hasResidentKey?: boolean
  readonly hasUserVerification?: boolean
  readonly isUserVerified?: boolean
  readonly automaticPresenceSimulation?: boolean
  readonly defaultBackupEligibility?: boolean
  readonly defaultBackupState?: boolean
}

export interface PersonaOptions {
  /** Changes to the authenticator, or false for a person without one. */
  readonly authenticator?: AuthenticatorOptions | false
  /** Playwright's own options for the context, such as `colorScheme` or `javaScriptEnabled`. */
  readonly context?: BrowserContextOptions
}

/** A virtual authenticator on one page. */
export interface Authenticator {
  readonly id: string
  readonly session: CDPSession
  /** The credentials it holds, as CDP prints them. */
  credentials(): Promise<readonly { readonly credentialId: string; readonly rpId?: string }[]>
  /** Makes touches and the screen lock succeed or fail from now on. */
  answer(how: { readonly verified?: boolean; readonly present?: boolean }): Promise<void>
  /** Takes it away with all it holds. */
  remove(): Promise<void>
}

/** Someone with a browser of their own, an authenticator, and a record of what the browser did. */
export interface Persona {
  readonly context: BrowserContext
  readonly page: Page
  /** The authenticator of `page`. */
  readonly authenticator: Authenticator
  /** Opens another page of this person, with an authenticator of its own. */
  readonly newPage: () => Promise<Page>
  /** Adds an authenticator to a page of this person; of all on a page only one may be internal. */
  addAuthenticator(page: Page, options?: AuthenticatorOptions): Promise<Authenticator>
  /** The host (with port) of every request, in order of first use. */
  readonly requestHosts: ReadonlySet<string>
  /** Console errors and uncaught exceptions; a policy violation is among them. */
  readonly errors: readonly string[]
  /** Console errors that speak of the content security policy or Trusted Types. */
  violations(): readonly string[]
  /** Texts of alert, confirm and prompt: none of our pages opens one. */
  readonly dialogs: readonly string[]
  close(): Promise<void>
}

export interface BrowserKit {
  readonly browser: Browser
  readonly newPersona: (options?: PersonaOptions) => Promise<Persona>
}

const defaultAuthenticator: AuthenticatorOptions = {
  protocol: 'ctap2',
  ctap2Version: 'ctap2_1',
  transport: 'internal',
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
}

/**
 * Starts a headless Chromium, runs `work`, and ends it whatever happens.
 *
 * @param more - further arguments of its command line.
 */
export async function withBrowser<Result>(
  work: (kit: BrowserKit) => Promise<Result>,
  more: readonly string[] = [],
): Promise<Result> {
  const installation = await findChromium()
  const browser = await chromium.launch({
    executablePath: installation.executable,
    chromiumSandbox: sandboxIsPossible(),
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-dev-shm-usage',
      ...more,
    ],
    env: { ...definedEnvironment(), ...installation.environment },
  })
  try {
    return await work({ browser, newPersona: (options) => newPersona(browser, options ?? {}) })
  } finally {
    await browser.close()
  }
}

function definedEnvironment(): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined) environment[name] = value
  }
  return environment
}

async function newPersona(browser: Browser, options: PersonaOptions): Promise<Persona> {
  const context = await browser.newContext(options.context)
  context.setDefaultTimeout(60_000)
  const requestHosts = new Set<string>()
  const errors: string[] = []
  const dialogs: string[] = []
  context.on('request', (request) => {
    const url = new URL(request.url())
    if (url.host !== '') requestHosts.add(url.host)
  })
  context.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  context.on('weberror', (error) => errors.push(String(error.error())))
  context.on('dialog', (dialog) => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
  const newPage = async () => {
    const page = await context.newPage()
    const authenticator =
      options.authenticator === false
        ? undefined
        : await addAuthenticator(page, options.authenticator ?? {})
    return { page, authenticator }
  }
  const first = await newPage()
  return {
    context,
    page: first.page,
    get authenticator() {
      if (first.authenticator === undefined) throw new Error('this persona has no authenticator')
      return first.authenticator
    },
    newPage: async () => (await newPage()).page,
    addAuthenticator: (page, added) => addAuthenticator(page, added ?? {}),
    requestHosts,
    errors,
    violations: () =>
      errors.filter((text) => /Content Security Policy|Trusted(?: ?Type|HTML|Script)/i.test(text)),
    dialogs,
    close: () => context.close(),
  }
}

async function addAuthenticator(page: Page, options: AuthenticatorOptions): Promise<Authenticator> {
  const session = await page.context().newCDPSession(page)
  await session.send('WebAuthn.enable')
  const { authenticatorId: id } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: { ...defaultAuthenticator, ...options } as {
      protocol: 'ctap2'
      transport: 'internal'
    },
  })
  return {
    id,
    session,
    credentials: async () =>
      (await session.send('WebAuthn.getCredentials', { authenticatorId: id })).credentials,
    answer: async ({ verified, present }) => {
      if (verified !== undefined) {
        await session.send('WebAuthn.setUserVerified', {
          authenticatorId: id,
          isUserVerified: verified,
        })
      }
      if (present !== undefined) {
        await session.send('WebAuthn.setAutomaticPresenceSimulation', {
          authenticatorId: id,
          enabled: present,
        })
      }
    },
    remove: async () => {
      await session.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: id })
    },
  }
}
