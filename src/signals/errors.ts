import { defineErrors } from '../core/index.ts'

export const signalErrors = defineErrors('signals', {
  unknown_receiver: {
    status: 404,
    title: 'Nobody of this name is told of events.',
    fault: 'caller',
    doc: 'A webhook or receiver is named that the configuration in force does not have.',
  },
  unauthorized: {
    status: 401,
    title: 'The token of the receiver is missing or wrong.',
    fault: 'caller',
    doc: 'A receiver polled without its bearer token, or its name is unknown. Compare its `tokenFile`.',
  },
  malformed: {
    status: 400,
    title: 'The request is not one of RFC 8936.',
    fault: 'caller',
    doc: 'A member of a poll request has the wrong type, or there are too many acknowledgements at once.',
  },
})
