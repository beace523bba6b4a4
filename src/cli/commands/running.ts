import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { ConfigurationReader, readTextFile } from '../../config/apart/index.ts'
import type { Configuration } from '../../config/apart/index.ts'
import { ProofgateError } from '../../core/index.ts'
import { printBanner } from '../banner.ts'
import { launchOf, overridesOf, readInput, requireSound } from '../launch.ts'
import type { Launch, Launcher, LaunchOptions } from '../launch.ts'
import { example, withJson, withListening } from '../options.ts'
import { serve, withRealPorts } from '../serving.ts'

/** Commands that run a server. They load nothing that a server does not need. */
export function registerRunning(program: Command, launcher: Launcher): void {
  registerStart(program, launcher)
  registerUp(program, launcher)
  registerServe(program, launcher)
}

const commandName = 'proofgate'
/** In a clone the command line is a script beside the README; an installed package has none. */
const cloneLauncher = new URL('../../../proofgate', import.meta.url)

function registerStart(program: Command, launcher: Launcher): void {
  const command = withJson(withListening(program.command('start')))
    .description('run with the built-in defaults in front of the sample service')
    .action(async (options: LaunchOptions) => {
      const launch = await withRealPorts({ overrides: overridesOf(options) })
      const reader = launcher.reader ?? new ConfigurationReader()
      try {
        const read = requireSound(await reader.read(readInput(launch, readTextFile)))
        await serveSample(read.configuration, { launch, launcher, reader, options })
      } finally {
        reader.close()
      }
    })
  example(command, 'start --port 9090')
}

async function serveSample(
  { identity, upstreams }: Configuration,
  {
    launch,
    launcher,
    reader,
    options,
  }: { launch: Launch; launcher: Launcher; reader: ConfigurationReader; options: LaunchOptions },
): Promise<void> {
  const { startSample } = await import('../sample.ts')
  const sample = await startSample({
    PROOFGATE_ISSUER: identity.issuer,
    PROOFGATE_JWKS_URI: `${identity.issuer}/.well-known/jwks.json`,
    PROOFGATE_AUDIENCE: upstreams[0]?.name ?? 'orders',
  })
  try {
    await serve({
      launch: { overrides: { ...launch.overrides, upstreamUrl: sample.url } },
      reader,
      launcher,
      takeOver: options.takeOver === true,
      onUp: (banner) =>
        printBanner(banner, {
          sample: true,
          command: existsSync(cloneLauncher) ? './proofgate' : commandName,
          json: options.json === true,
        }),
    })
  } finally {
    sample.stop()
  }
}

function registerUp(program: Command, launcher: Launcher): void {
  const command = withJson(withListening(program.command('up')))
    .argument('<url>', 'your service, for example http://localhost:3000')
    .description('put the gateway in front of your own service, without a file')
    .action(async (url: string, options: LaunchOptions) => {
      if (URL.parse(url) === null) {
        throw new ProofgateError('cli.bad_url', `${url} is not a URL`, {
          hint: 'Name scheme, host and port: proofgate up http://localhost:3000',
        })
      }
      await serve({
        launch: await withRealPorts({ upstream: url, overrides: overridesOf(options) }),
        reader: launcher.reader ?? new ConfigurationReader(),
        launcher,
        takeOver: options.takeOver === true,
        onUp: (banner) =>
          printBanner(banner, { sample: false, command: commandName, json: options.json === true }),
      })
    })
  example(command, 'up http://localhost:3000')
}

function registerServe(program: Command, launcher: Launcher): void {
  const command = withJson(withListening(program.command('serve')))
    .description('run the gateway from a configuration file')
    .action(async (options: LaunchOptions) => {
      const launch = await withRealPorts(launchOf(options))
      if (launch.file === undefined) {
        throw new ProofgateError('cli.no_configuration', 'there is no proofgate.yaml here', {
          hint: 'Write one with `proofgate init`, name one with `--config`, or use `proofgate up URL`.',
        })
      }
      await serve({
        launch,
        reader: launcher.reader ?? new ConfigurationReader(),
        launcher,
        takeOver: options.takeOver === true,
        onUp: (banner) =>
          printBanner(banner, { sample: false, command: commandName, json: options.json === true }),
      })
    })
  example(command, 'serve --config /etc/proofgate/proofgate.yaml')
}
