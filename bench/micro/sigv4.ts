/** What a request of the shape of AWS Signature Version 4 would cost, crypto alone; not a feature: `node bench/micro/sigv4.ts` */
import { isSignedBy, signedRequest, signingKey } from '../signature-v4.ts'
import { measureMicros } from './measure.ts'
import type { Micro } from './measure.ts'

const REQUESTS = 1000
const requests = Array.from({ length: REQUESTS }, (_, number) => signedRequest(number))

function verifying(name: string, keyOf: () => Buffer): Micro {
  return {
    name,
    run: (count) => {
      for (let done = 0; done < count; done += 1) {
        const request = requests[done % REQUESTS]!
        if (!isSignedBy(keyOf(), request)) throw new Error('a good signature does not hold')
      }
    },
  }
}

const kept = signingKey()

await measureMicros('AWS Signature Version 4, crypto alone; not a feature', [
  verifying('with the key of the day derived for each request', signingKey),
  verifying('with the key of the day kept', () => kept),
])
