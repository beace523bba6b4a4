import { Option } from 'commander'
import type { Command } from 'commander'
import type { LoginOptions } from './commands/login.ts'
import type { LogoutOptions } from './commands/logout.ts'
import type { TokenOptions } from './commands/token.ts'
import type { WhoamiOptions } from './commands/whoami.ts'
import type { BodyPart, CurlOptions } from './curl/options.ts'

const issuerOption = [
  '--issuer <url>',
  'the issuer (default: the last one, or PROOFGATE_ISSUER)',
] as const

/**
 * Adds login, logout, whoami, token and curl. What a command needs is imported when it runs, so
 * that `--version` and `--help` load none of it.
 */
export function registerClientCommands(program: Command): void {
  // So that a flag behind `curl` is never taken for one of the program.
  program.enablePositionalOptions()
  registerLogin(program)
  registerLogout(program)
  registerWhoami(program)
  registerToken(program)
  registerCurl(program)
}

function registerLogin(program: Command): void {
  program
    .command('login')
    .description('sign in with your key; the tokens stay on this machine')
    .option(...issuerOption)
    .option('--device', 'sign in on another device, by a code')
    .option('--no-browser', 'only print the address')
    .option('--role <role>', 'take this role: the tokens are for it and for nothing else')
    .option('--json', 'print who signed in as JSON')
    .addHelpText(
      'after',
      example('proofgate login', 'proofgate login --device', 'proofgate login --role order-writer'),
    )
    .action(async (options: LoginOptions) => (await import('./commands/login.ts')).login(options))
}

function registerLogout(program: Command): void {
  program
    .command('logout')
    .description('end the sign-in, here and at the issuer')
    .option(...issuerOption)
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', example('proofgate logout'))
    .action(async (options: LogoutOptions) =>
      (await import('./commands/logout.ts')).logout(options),
    )
}

function registerWhoami(program: Command): void {
  program
    .command('whoami')
    .description('who is signed in, checked with the issuer, and where it is kept')
    .option(...issuerOption)
    .option('--json', 'print it as JSON')
    .addHelpText('after', example('proofgate whoami --json'))
    .action(async (options: WhoamiOptions) =>
      (await import('./commands/whoami.ts')).whoami(options),
    )
}

function registerToken(program: Command): void {
  program
    .command('token')
    .description('print an access token for one API')
    .option(...issuerOption)
    .option('--audience <url>', 'the API (default: the one used last, or that of --url)')
    .option('--header', 'print the two header lines of one request')
    .option('--url <url>', 'the request the header lines are for')
    .option('--method <method>', 'its method', 'GET')
    .option('--session-policy <file>', 'narrow the token to an IAM policy; it is not kept')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      example(
        'proofgate token --audience http://api.proofgate.localhost:8080',
        'proofgate token --header --url http://api.proofgate.localhost:8080/orders/1',
      ),
    )
    .action(async (options: TokenOptions) => (await import('./commands/token.ts')).token(options))
}

function registerCurl(program: Command): void {
  const parts: BodyPart[] = []
  const part = (kind: BodyPart['kind']) => (value: string) => {
    parts.push({ kind, value })
    return value
  }
  program
    .command('curl')
    .description('call an API as yourself, with the flags of curl')
    .argument('<url>', 'the whole address, with http:// or https://')
    .option(...issuerOption)
    .option('--audience <url>', 'the API (default: what its host says)')
    .option('-X, --request <method>', 'the method')
    .option('-H, --header <line>', 'a header, repeatable', collect)
    .option('-d, --data <data>', 'form data, @FILE to read it, repeatable', part('data'))
    .option('--data-raw <data>', 'form data, @ has no meaning', part('raw'))
    .option('--data-binary <data>', 'bytes as they are, @FILE to read them', part('binary'))
    .option('--json <data>', 'a JSON body, @FILE to read it', part('json'))
    .option('-T, --upload-file <file>', 'send a file with PUT, - for stdin')
    .option('-i, --include', 'print the head of the answer too')
    .option('-I, --head', 'ask for and print the head only')
    .option('-o, --output <file>', 'write the answer to a file')
    .option('-w, --write-out <format>', 'print facts afterwards, such as %{http_code}')
    .option('-f, --fail', 'no output and exit code 22 when the status is 400 or above')
    .option('--fail-with-body', 'the same with output')
    .option('-m, --max-time <seconds>', 'give up after this time')
    .option('--no-step-up', 'do not sign in again when the API wants a fresher or stronger proof')
    .option('--no-approval', 'do not ask for a touch when the API wants one for this request')
    .option('--no-browser', 'show the approval page as an address and a QR code only')
    .option('--proof-timeout <seconds>', 'wait so long for an approval (default: while it is good)')
    .option('-s, --silent', 'no message when the transfer fails')
    .option('-S, --show-error', 'the message in spite of -s')
    .option('-v, --verbose', 'show the heads on stderr, without secrets')
    .option('-N, --no-buffer', 'accepted: output is never held back')
    .addOption(new Option('-L, --location').hideHelp())
    .addOption(new Option('-k, --insecure').hideHelp())
    .addHelpText('after', curlHelp)
    .showHelpAfterError('(proofgate curl has not all flags of curl: see proofgate curl --help)')
    .action(async (url: string, options: CurlOptions) =>
      (await import('./commands/curl.ts')).curl({ url, options, parts }),
    )
}

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value]
}

const curlHelp = [
  example(
    'proofgate curl http://api.proofgate.localhost:8080/orders/1',
    `proofgate curl --json '{"item":"tea"}' http://api.proofgate.localhost:8080/orders`,
  ),
  '',
  'Redirects are not followed. The exit codes are those of curl.',
].join('\n')

function example(...lines: readonly string[]): string {
  return ['', 'Example:', ...lines.map((line) => `  $ ${line}`)].join('\n')
}
