import { defineErrors } from '../core/index.ts'

/**
 * How a decision that denies is told to the caller. The public text is one and the same, so that it
 * does not say which policies exist.
 */
export const policyErrors = defineErrors('policy', {
  explicit_deny: {
    status: 403,
    title: 'You may not do this',
    fault: 'caller',
    doc: 'A Deny statement applies. `proofgate explain` names it.',
  },
  no_statement_allows: {
    status: 403,
    title: 'You may not do this',
    fault: 'caller',
    doc: 'No statement allows the request. Attach a policy to the person or one of their groups.',
  },
  resource_policy_does_not_allow: {
    status: 403,
    title: 'You may not do this',
    fault: 'caller',
    doc: 'The policy of the API does not allow the request, which callers of another account need.',
  },
  boundary_does_not_allow: {
    status: 403,
    title: 'You may not do this',
    fault: 'caller',
    doc: 'A policy allows the request, but the permission boundary of the person or role does not.',
  },
  session_policy_does_not_allow: {
    status: 403,
    title: 'You may not do this',
    fault: 'caller',
    doc: 'A policy allows the request, but the session policy the token was narrowed to does not.',
  },
  role_not_held: {
    status: 403,
    title: 'You may not do this',
    fault: 'caller',
    doc: 'The token is for a role that the person does not hold, or not any more: the role is gone, its trust policy does not allow it, or the passkey is for other roles.',
  },
  evaluation_failed: {
    status: 403,
    title: 'You may not do this',
    fault: 'proofgate',
    doc: 'A statement could not be evaluated, so the request was denied. `proofgate explain` names it.',
  },
})
