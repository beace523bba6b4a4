import { defineErrors } from '../core/index.ts'

const again = 'Start again on the page you came from.'

export const loginErrors = defineErrors('login', {
  sign_in_required: {
    status: 401,
    title: 'Sign in first',
    fault: 'caller',
    doc: 'This endpoint works for a signed-in person. Sign in at `/sign-in`.',
  },
  proof_required: {
    status: 403,
    title: 'Touch your passkey again first',
    fault: 'caller',
    doc: 'Changing passkeys takes a touch from the last few minutes. Run `/webauthn/authentication/options` with the purpose `confirm`, then repeat.',
  },
  credential_restricted: {
    status: 403,
    title: 'This passkey is for some tasks only',
    fault: 'caller',
    doc: 'The configuration keeps the passkey for some roles (`credentialRoles`). Use another one to change the account.',
  },
  credential_suspended: {
    status: 403,
    title: 'This passkey is suspended',
    fault: 'caller',
    doc: 'An administrator, or a rule of the configuration, suspended the passkey: it opens nothing until `proofgate credentials restore`. Use another one. The trail says who and why.',
  },
  credential_lapsed: {
    status: 403,
    title: 'This passkey has to be replaced first',
    fault: 'caller',
    doc: 'The passkey is past its age and grace, or lay unused for too long (`passkeys`). Signing in with it leads to the page that replaces it; one that is for some roles only (`credentialRoles`) is replaced by an administrator.',
  },
  credential_sealed: {
    status: 403,
    title: 'This passkey is for emergencies only',
    fault: 'caller',
    doc: 'An administrator sealed the passkey (`proofgate credentials seal`). It signs in when the person says why, and confirms only what is done in that session.',
  },
  nothing_to_renew: {
    status: 409,
    title: 'This passkey does not have to be replaced',
    fault: 'caller',
    doc: 'Only a passkey that is due, overdue, lapsed or unused is replaced by the renewal. Add another one on the account page.',
  },
  not_an_approver: {
    status: 403,
    title: 'This is for people who approve recoveries',
    fault: 'caller',
    doc: 'The configuration names their group (`recovery.approvers`). Ask one of them.',
  },
  step_up_ended: {
    status: 400,
    title: 'This request has ended',
    fault: 'caller',
    doc: 'What the touch was asked for is unknown, was sent already, or is older than five minutes. Go back to where it began and do it again.',
  },
  stronger_key_required: {
    status: 403,
    title: 'This takes a stronger key',
    fault: 'caller',
    doc: 'The route takes a proof of class `phrh`, which attested hardware gives: a security key that was registered with trusted attestation. Touch such a key; the account page adds one.',
  },
  other_person: {
    status: 403,
    title: 'Somebody else is signed in here',
    fault: 'caller',
    doc: 'The enrolment link belongs to another person than the one signed in. Sign out, then open the link again.',
  },
  ceremony_unknown: {
    status: 400,
    title: 'This passkey request has ended',
    fault: 'caller',
    doc: `The challenge is unknown, was used before, has expired, or was issued to another browser or for another purpose; or the person or the passkey was revoked after it was issued. ${again}`,
  },
  purpose_unknown: {
    status: 400,
    title: 'This purpose is not known',
    fault: 'caller',
    doc: 'The purpose of an authentication is `sign-in` or `confirm`.',
  },
  clone_suspected: {
    status: 403,
    title: 'This passkey was refused',
    fault: 'caller',
    doc: 'The signature counter did not grow, which can mean that a copy of the key exists. The audit trail has the details; the key itself stays usable. `authenticators.clone: warn` records it and lets the key through.',
  },
  hardware_sign_in_required: {
    status: 403,
    title: 'A hardware key is required to sign in here',
    fault: 'caller',
    doc: 'Only passkeys in hardware that proved what it is when they were registered, and that are not copied, sign people in (`authenticators.signIn: hardware-only`). Use such a key, or have an administrator send a new enrolment link.',
  },
  hardware_key_required: {
    status: 403,
    title: 'A hardware key is required here',
    fault: 'caller',
    doc: 'Only passkeys in hardware that proves what it is, by attestation that chains to a configured anchor, may be registered (`authenticators.allow: hardware-only`). Use a security key of a make the administrator allows; the log says what was missing.',
  },
  device_bound_key_required: {
    status: 403,
    title: 'A passkey that stays on one device is required here',
    fault: 'caller',
    doc: 'Passkeys that are copied to other devices may not be registered (`authenticators.allow: device-bound`). Use a security key, or a passkey that this device keeps to itself.',
  },
  own_key_required: {
    status: 403,
    title: 'A security key of your organisation is required here',
    fault: 'caller',
    doc: 'Only devices whose serial number is listed (`authenticators.serials`) may be registered, and enterprise attestation has to prove it. The log says which number was found.',
  },
  authenticator_not_allowed: {
    status: 403,
    title: 'This model of key is not allowed here',
    fault: 'caller',
    doc: 'The model is denied, is not among the allowed ones, or does not prove which it is (`authenticators.aaguids` and `authenticators.makers`). The log says which of them.',
  },
  interaction_ended: {
    status: 400,
    title: 'This sign-in has ended',
    fault: 'caller',
    doc: `The authorization request is unknown or took too long. ${again}`,
  },
  unknown_session: {
    status: 404,
    title: 'There is no such session',
    fault: 'caller',
    doc: 'The session has ended already or belongs to somebody else.',
  },
  unknown_api: {
    status: 400,
    title: 'There is no such API',
    fault: 'caller',
    doc: 'A sign-in for an API names one that is not configured.',
  },
  too_many_tries: {
    status: 429,
    title: 'Too many tries',
    fault: 'caller',
    doc: 'Sign-in, device codes and ceremonies are limited per address and session. Wait for the seconds in `Retry-After`.',
  },
})
