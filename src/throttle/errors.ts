import { defineErrors } from '../core/index.ts'

export const throttleErrors = defineErrors('throttle', {
  exceeded: {
    status: 429,
    title: 'Too many requests',
    fault: 'caller',
    doc: 'A token bucket is empty. Wait for the seconds named in `Retry-After`; raise `rate` or `burst` in the configuration if the limit is too tight.',
  },
})
