import { systemClock } from '../../src/core/index.ts'
import { millis } from '../../src/core/index.ts'
import { KeyRing } from '../../src/token/index.ts'

/** A process of its own that opens a key ring, and rotates it when asked to; prints what it sees. */
const [directory = '', action = 'open'] = process.argv.slice(2)
const ring = await KeyRing.open({
  directory,
  clock: systemClock(),
  algorithms: ['ES256', 'RS256'],
  overlap: millis(60_000),
})
if (action === 'rotate') await ring.rotate('ES256')
process.stdout.write(
  JSON.stringify({
    es256: ring.active('ES256').keyId,
    rs256: ring.active('RS256').keyId,
    published: ring.publicJwks().keys.length,
  }),
)
