import { defineErrors } from '../core/index.ts'

export const proofErrors = defineErrors('proof', {
  required: {
    status: 401,
    title: 'This request needs a touch of a key, made for it alone',
    fault: 'caller',
    doc: 'The route or a policy demands a proof bound to the request. Open `approval` of the answer, approve, and send the same request again with `Proofgate-Proof: id="ID"`; `proofgate curl` does all of that.',
  },
  not_needed: {
    status: 400,
    title: 'This request needs no proof',
    fault: 'caller',
    doc: 'A proof was asked for at `/.proofgate/proofs` for a request that is let through without one.',
  },
  pending: {
    status: 401,
    title: 'Nobody has approved this request yet',
    fault: 'caller',
    doc: 'The proof that the request names waits for its approval. Ask at its `status` address, and send the request again once it says `approved`.',
  },
  denied: {
    status: 403,
    title: 'This request was denied by the person who was asked',
    fault: 'caller',
    doc: 'Somebody who may approve the request said no. Send it without a proof to ask again.',
  },
  unknown: {
    status: 403,
    title: 'There is no such proof for this caller',
    fault: 'caller',
    doc: 'The proof does not exist any more, or was asked for by another person, session or token. Send the request without a proof to ask for one.',
  },
  expired: {
    status: 403,
    title: 'This proof has expired',
    fault: 'caller',
    doc: 'A proof is good for minutes (`validFor` of the route). Send the request without it to ask for another.',
  },
  spent: {
    status: 403,
    title: 'This proof was used already',
    fault: 'caller',
    doc: 'A proof lets one request through, once, whatever became of that request. Send the request without it to ask for another.',
  },
  mismatch: {
    status: 403,
    title: 'This proof was made for another request',
    fault: 'caller',
    doc: 'Method, host, path, query, a listed header or the body is not, byte for byte, what was approved, or the configuration changed in between. The proof is used up.',
  },
  withdrawn: {
    status: 403,
    title: 'This approval does not count any more',
    fault: 'caller',
    doc: 'Since the approval the approver was disabled, left the group, or lost the passkey; or the evidence does not verify. The proof is used up.',
  },
  malformed: {
    status: 400,
    title: 'The proof in this request cannot be read',
    fault: 'caller',
    doc: 'The `Proofgate-Proof` header has another form than `docs/proof-format.md` describes.',
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large to be bound to a proof',
    fault: 'caller',
    doc: 'A request that needs a proof is read whole before anybody is asked. Its body is larger than `maxBody` of `proof.request`.',
  },
  body_unreadable: {
    status: 400,
    title: 'The body cannot be shown to the person who approves it',
    fault: 'caller',
    doc: 'The body has a content coding or trailers, or the sentence of the route names a member that is not in it, or it is not JSON with one reading (a key twice).',
  },
  too_many: {
    status: 429,
    title: 'Too many requests wait for an approval',
    fault: 'caller',
    doc: 'Each caller may have a bounded number of proofs open. Wait until some are decided or expire.',
  },
  no_approver: {
    status: 403,
    title: 'Nobody can approve this request',
    fault: 'caller',
    doc: 'The route asks for a touch of the caller, and the caller has no passkey here: a service, or somebody known by another issuer. Let others approve (`approvers`).',
  },
  not_an_approver: {
    status: 403,
    title: 'You may not approve this request',
    fault: 'caller',
    doc: 'Only the people whom `approvers` of the route names may approve; whoever asks does not count as another person.',
  },
  same_session: {
    status: 403,
    title: 'Approve this on another device',
    fault: 'caller',
    doc: 'The request came from this browser session, and whoever drives a browser could answer for its owner. Approve from another browser or device, or set `dangerously_allowSameSession` on the route.',
  },
  attestation_required: {
    status: 403,
    title: 'This passkey cannot approve requests',
    fault: 'caller',
    doc: 'Approvals count only from authenticators whose attestation was verified (`authenticators.trustAnchors` or metadata), or where the route sets `dangerously_allowUnattested`. Use a hardware key that was registered with its attestation.',
  },
  clone_suspected: {
    status: 403,
    title: 'This passkey was refused',
    fault: 'caller',
    doc: 'The signature counter did not grow, which can mean that a copy of the key exists. The audit trail has the details; the key itself stays usable.',
  },
  too_long: {
    status: 413,
    title: 'The request is too long to be bound to a proof',
    fault: 'caller',
    doc: 'What would have to be shown, approved and kept in the audit log with its evidence has more than about 5,000 characters; one that is not ASCII counts as six.',
  },
  already_approved: {
    status: 409,
    title: 'You have approved this request already',
    fault: 'caller',
    doc: 'Each person counts once. Others have to approve as well.',
  },
})
