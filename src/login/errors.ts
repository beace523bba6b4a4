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
    doc: `The challenge is unknown, was used before, has expired, or was issued to another browser or for another purpose. ${again}`,
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
    doc: 'The signature counter did not grow, which can mean that a copy of the key exists. The audit trail has the details; the key itself stays usable.',
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
