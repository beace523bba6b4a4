import { defineErrors } from '../core/index.ts'

export const identityErrors = defineErrors('identity', {
  ticket_invalid: {
    status: 403,
    title: 'This link is not valid any more',
    fault: 'caller',
    doc: 'An enrolment link works once and for 15 minutes. Ask an administrator for a new one (`proofgate invite USERNAME`).',
  },
  recovery_undecidable: {
    status: 409,
    title: 'This recovery cannot be decided here',
    fault: 'caller',
    doc: 'The request was decided already, was withdrawn by a newer one, is older than a day, is for somebody who is disabled, or is for yourself. Load `/recoveries` again.',
  },
  unknown_person: {
    status: 404,
    title: 'There is no such person',
    fault: 'caller',
    doc: 'Check the username with `proofgate people list`.',
  },
  person_exists: {
    status: 409,
    title: 'This username is taken',
    fault: 'caller',
    doc: 'Choose another username, or invite the existing person.',
  },
  person_disabled: {
    status: 403,
    title: 'This account is disabled',
    fault: 'caller',
    doc: 'An administrator disabled the person; `proofgate people enable USERNAME` reverses it.',
  },
  username_malformed: {
    status: 400,
    title: 'This username is not well formed',
    fault: 'caller',
    doc: 'Usernames are 1 to 64 characters: lower-case letters, digits and `._@-`, starting with a letter or digit.',
  },
  unknown_credential: {
    status: 404,
    title: 'There is no such passkey',
    fault: 'caller',
    doc: 'Check the id with `proofgate credentials list USERNAME`.',
  },
  last_credential: {
    status: 409,
    title: 'The last passkey cannot be removed or suspended',
    fault: 'caller',
    doc: 'A person without an active passkey could never sign in again. Add another one first; an administrator may use `--last`.',
  },
  credential_suspended_already: {
    status: 409,
    title: 'This passkey is suspended already',
    fault: 'caller',
    doc: '`proofgate credentials list` says since when. `proofgate credentials restore ID` ends it.',
  },
  credential_active: {
    status: 409,
    title: 'This passkey is not suspended',
    fault: 'caller',
    doc: 'Only a suspended passkey can be restored. `proofgate credentials list` shows the state of each.',
  },
  reason_malformed: {
    status: 400,
    title: 'The reason is not usable',
    fault: 'caller',
    doc: 'A reason has 1 to 200 characters in one line and no control characters.',
  },
  credential_sealed_already: {
    status: 409,
    title: 'This passkey is for emergencies already',
    fault: 'caller',
    doc: '`proofgate credentials unseal` makes it one for every day.',
  },
  credential_not_sealed: {
    status: 409,
    title: 'This passkey is not for emergencies',
    fault: 'caller',
    doc: '`proofgate credentials seal` makes it one.',
  },
  credential_exists: {
    status: 400,
    title: 'This passkey is already registered',
    fault: 'caller',
    doc: 'The credential id belongs to a registered passkey already. Use another authenticator.',
  },
  name_malformed: {
    status: 400,
    title: 'This name is not usable',
    fault: 'caller',
    doc: 'Names have 1 to 64 characters and no control characters.',
  },
})
