import type { Session, SessionId } from '../session/index.ts'
import { adminErrors } from './errors.ts'
import { recordAdministration, withFound } from './operation.ts'
import type { OperationTable } from './operation.ts'

/** Live sessions. */
export const sessionOperations: OperationTable = {
  'GET /v1/sessions': async (parts) => {
    const people = new Map((await parts.people.list()).map((one) => [one.id, one.username]))
    return {
      sessions: (await parts.sessions.list()).map((session) =>
        view(session, people.get(session.personId) ?? ''),
      ),
    }
  },
  'POST /v1/sessions/{id}/end': async (parts, { parameters }) => {
    const id = (parameters['id'] ?? '') as SessionId
    const person = (await parts.sessions.loadById(id))?.personId ?? ''
    const ended = await parts.sessions.end(id)
    if (ended.length === 0) return adminErrors.refuse('unknown_session')
    await recordAdministration(parts, 'session.end', { sessions: [...ended], person })
    return { ended }
  },
  'POST /v1/people/{username}/sessions/end': (parts, { parameters }) =>
    withFound(parts.directory.require(parameters['username'] ?? ''), async (person) => {
      const count = await parts.sessions.endAll(person.id)
      await recordAdministration(parts, 'session.end_all', { username: person.username, count })
      return { ended: count }
    }),
}

function view(session: Session, username: string): Record<string, unknown> {
  return {
    id: session.id,
    username,
    kind: session.kind,
    name: session.name,
    audience: session.audience ?? null,
    address: session.address,
    createdAt: new Date(session.createdAt).toISOString(),
    lastSeenAt: new Date(session.lastSeenAt).toISOString(),
    expiresAt: new Date(session.expiresAt).toISOString(),
  }
}
