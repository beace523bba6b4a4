import { defineErrors } from '../core/index.ts'
import { identityErrors } from '../identity/index.ts'
import { signalErrors } from '../signals/index.ts'

export const adminErrors = defineErrors('admin', {
  unauthorized: {
    status: 401,
    title: 'This takes the secret of the running server',
    fault: 'caller',
    doc: 'The admin API takes the bearer secret in `run/server.json` of the data directory, which only its owner can read. The `proofgate` command does this by itself.',
  },
  host_not_allowed: {
    status: 421,
    title: 'The admin API is not served under this host',
    fault: 'caller',
    doc: 'The admin listener answers only to its own loopback address, so that a web page cannot reach it by a name of its own.',
  },
  unknown_session: {
    status: 404,
    title: 'There is no such session',
    fault: 'caller',
    doc: 'Check the id with `proofgate sessions list`.',
  },
  unknown_record: {
    status: 404,
    title: 'There is no such record',
    fault: 'caller',
    doc: 'Check the id or index with `proofgate audit tail`.',
  },
  unknown_group: {
    status: 400,
    title: 'There is no such group',
    fault: 'caller',
    doc: 'Groups come from the configuration: add the group to `groups` first.',
  },
  unknown_role: {
    status: 404,
    title: 'There is no such role',
    fault: 'caller',
    doc: 'Roles come from the configuration in force: check the name with `proofgate roles list`; a role that is new in the file needs a `proofgate reload`.',
  },
  unfit_heir: {
    status: 409,
    title: 'This person cannot take over',
    fault: 'caller',
    doc: 'Name somebody else than who leaves, whose account is not disabled.',
  },
  no_approvers: {
    status: 409,
    title: 'Nobody may approve a recovery',
    fault: 'operator',
    doc: 'Name a group in `recovery.approvers`. On the machine itself `proofgate invite USERNAME` makes a link that needs no approval.',
  },
  input_malformed: {
    status: 400,
    title: 'The input is malformed',
    fault: 'caller',
    doc: 'A member of the request body or a query parameter is missing or of the wrong type. With `proofgate COMMAND --help` the command says what it takes.',
  },
  not_a_gateway_url: {
    status: 400,
    title: 'This address is not behind the gateway',
    fault: 'caller',
    doc: 'The host of the URL is no configured API. `proofgate config show` lists them.',
  },
  backup_not_empty: {
    status: 409,
    title: 'The directory for the backup is not empty',
    fault: 'caller',
    doc: 'A backup never mixes with what is there. Name a directory that does not exist yet.',
  },
  backup_impossible: {
    status: 409,
    title: 'The directory for the backup cannot be made',
    fault: 'operator',
    doc: 'Name a new directory in one that exists and that the user of the server may write to.',
  },
  configuration_refused: {
    status: 409,
    title: 'The configuration was refused; the one in force stays',
    fault: 'operator',
    doc: 'The file has problems, so nothing was changed. `proofgate check` lists them all.',
  },
  server_needed: {
    status: 409,
    title: 'The server is not running',
    fault: 'caller',
    doc: 'This works only with a running server. Start it with `proofgate serve`.',
  },
})

/** What to do about a refusal, by its code: the line that the documentation has. */
export function hintFor(code: string): string | undefined {
  const docs: readonly (readonly [string, string])[] = [
    adminErrors,
    identityErrors,
    signalErrors,
  ].flatMap(({ area, specs }) =>
    Object.entries(specs).map(([reason, { doc }]) => [`${area}.${reason}`, doc]),
  )
  return new Map(docs).get(code)
}
