import { defineErrors } from '../core/index.ts'

/** What any of our own HTTP surfaces may answer before its own rules are asked. */
export const httpErrors = defineErrors('http', {
  malformed: {
    status: 400,
    title: 'The request is malformed',
    fault: 'caller',
    doc: 'The request line, a header, the query or the body is not well formed. Send it as the documentation of the endpoint shows.',
  },
  not_found: {
    status: 404,
    title: 'There is nothing here',
    fault: 'caller',
    doc: 'No page or endpoint has this address. Check the path.',
  },
  method_not_allowed: {
    status: 405,
    title: 'This method is not allowed here',
    fault: 'caller',
    doc: 'The address exists but not for this method; the `Allow` header lists those that work.',
  },
  body_too_large: {
    status: 413,
    title: 'The request body is too large',
    fault: 'caller',
    doc: 'The body is larger than this endpoint accepts.',
  },
  media_type_unsupported: {
    status: 415,
    title: 'This content type is not accepted here',
    fault: 'caller',
    doc: 'JSON endpoints take `application/json`, forms take `application/x-www-form-urlencoded`.',
  },
  cross_site: {
    status: 403,
    title: 'This request did not come from our own page',
    fault: 'caller',
    doc: 'The `Origin` or `Sec-Fetch-Site` header names another site, or the form token is missing or wrong. Open the page again and repeat.',
  },
  misdirected: {
    status: 421,
    title: 'This host is not served here',
    fault: 'caller',
    doc: 'The `Host` header names no configured host. Check the address, or add the host to an API in the configuration.',
  },
  unavailable: {
    status: 503,
    title: 'Proofgate cannot answer right now',
    fault: 'proofgate',
    doc: 'A store, the audit log or a key could not be reached, so the answer is no. The log of the process names the cause.',
  },
  internal: {
    status: 500,
    title: 'Something went wrong inside Proofgate',
    fault: 'proofgate',
    doc: 'A defect. The request id leads to the log entry that names it; please report it.',
  },
})
