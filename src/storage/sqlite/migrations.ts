/** The schema's history. A step that has been released is never edited; a change is a new step. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE person (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    groups TEXT NOT NULL,
    user_handle TEXT NOT NULL UNIQUE,
    disabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE credential (
    id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES person (id),
    name TEXT NOT NULL,
    public_key BLOB NOT NULL,
    algorithm INTEGER NOT NULL,
    sign_count INTEGER NOT NULL,
    user_verified INTEGER NOT NULL,
    backup_eligible INTEGER NOT NULL,
    backup_state INTEGER NOT NULL,
    transports TEXT NOT NULL,
    aaguid TEXT NOT NULL,
    attestation_format TEXT NOT NULL,
    attestation_trusted INTEGER NOT NULL,
    attestation_object BLOB NOT NULL,
    client_data_json BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
  ) STRICT;
  CREATE INDEX credential_person ON credential (person_id);

  CREATE TABLE ticket (
    hash TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES person (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    taken_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ticket_person ON ticket (person_id);

  CREATE TABLE ceremony (
    challenge TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    taken_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ceremony_expiry ON ceremony (expires_at);

  CREATE TABLE session (
    id TEXT PRIMARY KEY,
    handle_hash TEXT UNIQUE,
    kind TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES person (id),
    facts TEXT NOT NULL,
    authenticated_at INTEGER NOT NULL,
    proved_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    audience TEXT,
    parent_id TEXT,
    name TEXT NOT NULL,
    address TEXT NOT NULL
  ) STRICT;
  CREATE INDEX session_person ON session (person_id);
  CREATE INDEX session_parent ON session (parent_id);

  CREATE TABLE handoff (
    hash TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    taken_at INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE revocation (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE provider_object (
    type TEXT NOT NULL,
    id_hash TEXT NOT NULL,
    payload TEXT NOT NULL,
    grant_id TEXT,
    user_code_hash TEXT,
    uid TEXT,
    expires_at INTEGER,
    consumed_at INTEGER,
    PRIMARY KEY (type, id_hash)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX provider_object_grant ON provider_object (grant_id);
  CREATE INDEX provider_object_user_code ON provider_object (type, user_code_hash);
  CREATE INDEX provider_object_uid ON provider_object (type, uid);
  CREATE INDEX provider_object_expiry ON provider_object (expires_at);

  CREATE TABLE grant_link (
    grant_id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX grant_link_session ON grant_link (session_id);

  CREATE TABLE proof_replay (
    id TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX proof_replay_expiry ON proof_replay (expires_at);
  `,
  `
  CREATE TABLE request_proof (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    holder TEXT NOT NULL,
    owner TEXT NOT NULL,
    statement TEXT NOT NULL,
    browser_session TEXT,
    nonce TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX request_proof_owner ON request_proof (owner, state);
  CREATE INDEX request_proof_expiry ON request_proof (state, expires_at);

  CREATE TABLE request_proof_touch (
    proof_id TEXT NOT NULL REFERENCES request_proof (id) ON DELETE CASCADE,
    person_id TEXT NOT NULL,
    evidence TEXT NOT NULL,
    PRIMARY KEY (proof_id, person_id)
  ) STRICT;
  `,
  `
  ALTER TABLE credential ADD COLUMN suspended_at INTEGER;
  ALTER TABLE credential ADD COLUMN suspended_for TEXT;
  `,
  `
  ALTER TABLE credential ADD COLUMN serial TEXT;
  `,
  `
  CREATE TABLE signal_lane (
    log TEXT NOT NULL,
    name TEXT NOT NULL,
    next INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    failing_since INTEGER,
    parked_at INTEGER,
    problem TEXT,
    delivered_at INTEGER,
    PRIMARY KEY (log, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE signal_waiting (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,
    id TEXT NOT NULL,
    claims TEXT NOT NULL,
    UNIQUE (receiver, id)
  ) STRICT;

  CREATE TABLE known_device (
    person_id TEXT NOT NULL,
    credential_id TEXT NOT NULL,
    browser TEXT NOT NULL,
    first_seen_at INTEGER NOT NULL,
    PRIMARY KEY (person_id, credential_id, browser)
  ) STRICT, WITHOUT ROWID;
  `,
  `ALTER TABLE credential ADD COLUMN finding TEXT;`,
  `
  ALTER TABLE ticket ADD COLUMN retires TEXT;

  CREATE TABLE recovery (
    id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES person (id),
    ticket_hash TEXT NOT NULL UNIQUE,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_at INTEGER,
    decided_by TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX recovery_person ON recovery (person_id);
  `,
  `
  ALTER TABLE session ADD COLUMN confirmation TEXT;

  CREATE TABLE step_up (
    hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    value TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    taken_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX step_up_session ON step_up (session_id, opened_at);
  CREATE INDEX step_up_expiry ON step_up (expires_at);
  `,
  `ALTER TABLE credential ADD COLUMN sealed_at INTEGER;`,
  `
  CREATE TABLE revocation_list (
    issuer_key TEXT PRIMARY KEY,
    issuer TEXT NOT NULL,
    der BLOB NOT NULL,
    version INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // Whoever sweeps them reads them all, page by page; the index cost as much as the table for each proof.
  `DROP INDEX proof_replay_expiry;`,
]
