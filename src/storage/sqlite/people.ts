import type { Person, PersonId, PersonStore } from '../../identity/index.ts'
import type { Database } from './database.ts'

type PersonRow = {
  id: string
  username: string
  name: string
  groups: string
  user_handle: string
  disabled: number
  created_at: number
}

const selectPerson = 'SELECT * FROM person'

export function sqlitePeople(database: Database): PersonStore {
  const one = (where: string, value: string): Person | undefined => {
    const row = database.one<PersonRow>(`${selectPerson} WHERE ${where} = ?`, value)
    return row === undefined ? undefined : personOf(row)
  }
  return {
    load: async (id) => one('id', id),
    loadByUsername: async (username) => one('username', username),
    loadByUserHandle: async (userHandle) => one('user_handle', userHandle),
    list: async () => database.all<PersonRow>(`${selectPerson} ORDER BY username`).map(personOf),
    create: async (person) => {
      const changes = database.run(
        `INSERT INTO person (id, username, name, groups, user_handle, disabled, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (username) DO NOTHING`,
        person.id,
        person.username,
        person.name,
        JSON.stringify(person.groups),
        person.userHandle,
        Number(person.disabled),
        person.createdAt,
      )
      return changes === 1 ? 'created' : 'exists'
    },
    update: async (id, change) => {
      const changes = database.run(
        `UPDATE person SET name = COALESCE(?, name), groups = COALESCE(?, groups),
         disabled = COALESCE(?, disabled) WHERE id = ?`,
        change.name ?? null,
        change.groups === undefined ? null : JSON.stringify(change.groups),
        change.disabled === undefined ? null : Number(change.disabled),
        id,
      )
      return changes === 1 ? 'updated' : 'unknown'
    },
  }
}

function personOf(row: PersonRow): Person {
  return {
    id: row.id as PersonId,
    username: row.username,
    name: row.name,
    groups: JSON.parse(row.groups) as string[],
    userHandle: row.user_handle,
    disabled: row.disabled !== 0,
    createdAt: row.created_at,
  }
}
