/**
 * Token buckets (rate and burst, one token a request, as in API Gateway) behind a port. It guarantees that
 * at most `burst + rate * seconds` requests pass for one key; which keys there are is the gateway's
 * decision. Counters are exact on one node and are lost with the process.
 */
export { MemoryBuckets, takeToken } from './bucket.ts'
export type { BucketStore, Limit } from './bucket.ts'
export { addressKey } from './address-key.ts'
export { throttleErrors } from './errors.ts'
