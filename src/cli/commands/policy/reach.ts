import type { Command } from 'commander'
import type { Callers, Reach, ReachedRoute, Reason } from '../../../analysis/index.ts'
import { withAdministration } from '../../admin-client.ts'
import type { LaunchOptions } from '../../launch.ts'
import { example, withJson, withLocation } from '../../options.ts'
import { print, table } from '../../output.ts'

const caution = 'whoever is not listed cannot; "maybe" says what it depends on'

/** `proofgate policy who-can METHOD URL` and `proofgate policy what-can PERSON`. */
export function registerReach(policy: Command): void {
  const who = withJson(withLocation(policy.command('who-can')))
    .argument('<method>', 'method of the request')
    .argument('<url>', 'the whole address, with http:// or https://')
    .description('everybody who can make a request, and what that depends on')
    .action(async (method: string, url: string, options: LaunchOptions) => {
      const answer = await withAdministration(options, (call) =>
        call('POST', '/v1/policy/who-can', { method, url }),
      )
      const callers = answer as unknown as Callers
      print(options, answer, whoText(callers))
      if (callers.callers.length === 0) process.exitCode = 2
    })
  example(who, 'policy who-can DELETE http://api.proofgate.localhost:8080/orders/1')
  const what = withJson(withLocation(policy.command('what-can')))
    .argument('[person]', 'a username (default: somebody nobody knows)')
    .description('every route somebody can call, and what that depends on')
    .action(async (person: string | undefined, options: LaunchOptions) => {
      const answer = await withAdministration(options, (call) =>
        call('POST', '/v1/policy/what-can', person === undefined ? {} : { as: person }),
      )
      const { caller, disabled, routes } = answer as unknown as WhatAnswer
      print(options, answer, whatText({ caller, disabled, routes }))
      if (routes.length === 0) process.exitCode = 2
    })
  example(what, 'policy what-can alice')
}

interface WhatAnswer {
  readonly caller: string
  readonly disabled: boolean
  readonly routes: readonly ReachedRoute[]
}

function whoText({ api, route, authorizer, resource, callers, note }: Callers): string {
  const place = table(
    ['', ''],
    [
      ['api', api],
      ['route', route],
      ['authorizer', authorizer],
      ['resource', resource],
      ...(note === undefined ? [] : [['note', note]]),
    ],
  ).trimStart()
  if (callers.length === 0) return `${place}\n\nnobody we know can make this request`
  const rows = callers.map((one) => [one.caller, one.groups.join(', '), one.answer, because(one)])
  return `${place}\n\n${table(['CALLER', 'GROUPS', 'CAN', 'BECAUSE'], rows)}\n\n${caution}`
}

function whatText({ caller, disabled, routes }: WhatAnswer): string {
  const state = disabled ? ' (disabled, and so cannot sign in)' : ''
  if (routes.length === 0) return `${caller}${state} can call no route`
  const rows = routes.map((one) => [one.api, one.method, one.path, one.answer, because(one)])
  const listed = table(['API', 'METHOD', 'PATH', 'CAN', 'BECAUSE'], rows)
  return `${caller}${state} can call\n\n${listed}\n\nwhat is not listed is denied; "maybe" says what it depends on`
}

function because({ by, unless }: Reach): string {
  if (by.length === 0) return 'the route is open'
  const allowed = by.map(reasonText).join(' or ')
  return unless.length === 0 ? allowed : `${allowed}, unless ${unless.map(reasonText).join(' or ')}`
}

function reasonText({ policy, role, statement, conditions, inPart }: Reason): string {
  const name = `${role === undefined ? '' : `${role}/`}${policy}/${statement}`
  const parts = [
    ...(inPart ? ['for some of it'] : []),
    ...(role === undefined ? [] : [`the role ${role} is held`]),
    ...conditions,
  ]
  return parts.length === 0 ? name : `${name} if ${parts.join(' and ')}`
}
