import type * as library from 'oidc-provider'

/**
 * The certified OpenID provider library. It prints a notice about Node releases that are not yet called
 * LTS by name; ours is one it works on, so that line is dropped and nothing else is.
 */
async function load(): Promise<typeof library> {
  const { warn } = console
  console.warn = (...words: unknown[]) => {
    if (!String(words[0]).includes('Unsupported runtime')) warn(...words)
  }
  try {
    return await import('oidc-provider')
  } finally {
    console.warn = warn
  }
}

export const { Provider, errors, interactionPolicy } = await load()
