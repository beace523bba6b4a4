import type { Command } from 'commander'
import type { Explanation } from '../../gateway/index.ts'
import { withAdministration } from '../admin-client.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, withJson, withLocation } from '../options.ts'
import { print, table } from '../output.ts'

interface ExplainOptions extends LaunchOptions {
  readonly as?: string
  readonly address?: string
}

/** `proofgate explain METHOD URL --as PERSON`. */
export function registerExplain(program: Command): void {
  const command = withJson(withLocation(program.command('explain')))
    .argument('<method>')
    .argument('<url>')
    .option('--as <person>', 'username of the caller (default: nobody)')
    .option('--address <address>', 'source address of the caller', '127.0.0.1')
    .description('why a request would be let through or not, and what would be done with it')
    .action(async (method: string, url: string, options: ExplainOptions) => {
      const answer = await withAdministration(options, (call) =>
        call('POST', '/v1/explain', {
          method,
          url,
          address: options.address,
          ...(options.as === undefined ? {} : { as: options.as }),
        }),
      )
      print(options, answer, textOf(answer as unknown as Explanation))
      if (answer['answer'] !== 'allow') process.exitCode = 2
    })
  example(command, 'explain GET http://api.proofgate.localhost:8080/orders/1 --as alice')
}

function textOf(explanation: Explanation): string {
  const { throttle } = explanation
  const facts = table(
    ['', ''],
    [
      ['request', `${explanation.method} ${explanation.url}`],
      [
        'caller',
        `${explanation.principal}  groups: ${explanation.groups.length === 0 ? '-' : explanation.groups.join(', ')}`,
      ],
      ['api', explanation.api],
      ['route', explanation.route],
      ['authorizer', explanation.authorizer],
      ['resource', explanation.resource],
      ...prospectRows(explanation.prospect),
      ...(throttle === undefined
        ? []
        : [
            ['per caller', `${throttle.principal.rate}/s, burst ${throttle.principal.burst}`],
            ...(throttle.route === undefined
              ? []
              : [['whole route', `${throttle.route.rate}/s, burst ${throttle.route.burst}`]]),
          ]),
    ],
  ).trimStart()
  const statements = table(
    ['RESULT', 'EFFECT', 'POLICY', 'STATEMENT', 'PLACE', 'WHY'],
    explanation.statements.map((one) => [
      one.result,
      one.effect,
      one.policy,
      one.statement,
      one.place,
      one.detail,
    ]),
  )
  const judged =
    explanation.statements.length === 0 ? 'no statement applies to this caller' : statements
  return `${facts}\n\n${judged}\n\nanswer: ${explanation.answer} (${explanation.reason})`
}

/** What happens to the request when it is let through. */
function prospectRows(prospect: Explanation['prospect']): string[][] {
  if (prospect === undefined) return []
  const { action, upstream = '', target = '', status, location, mirror } = prospect
  if (action !== 'forward') {
    return [['then', `${action} ${status}${location === undefined ? '' : ` to ${location}`}`]]
  }
  const forwarded = ['then', `forward ${target} to ${upstream}`]
  if (mirror === undefined) return [forwarded]
  return [forwarded, ['copies', `${mirror.percent} % to ${mirror.upstream}`]]
}
