import { generateKeyPairSync, sign } from 'node:crypto'
import { der } from '../kit/attestation-certificate.ts'

/** A certificate for 127.0.0.1 that nobody trusts unless told to, made anew for each run. */
export function selfSigned(): { readonly key: string; readonly cert: string } {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = der(0x30, Buffer.from('06082a8648ce3d040302', 'hex'))
  const name = der(
    0x30,
    der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('loopback')))),
  )
  const extensions = der(
    0x30,
    der(
      0x30,
      Buffer.from('0603551d11', 'hex'),
      der(0x04, der(0x30, der(0x87, Buffer.from([127, 0, 0, 1])))),
    ),
    der(0x30, Buffer.from('0603551d13', 'hex'), der(0x04, Buffer.from('30030101ff', 'hex'))),
  )
  const content = der(
    0x30,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    algorithm,
    name,
    der(0x30, der(0x17, Buffer.from('250101000000Z')), der(0x17, Buffer.from('450101000000Z'))),
    name,
    pair.publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, extensions),
  )
  const signature = der(0x03, Buffer.from([0]), sign('sha256', content, pair.privateKey))
  const body = der(0x30, content, algorithm, signature).toString('base64')
  return {
    key: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }),
    cert: `-----BEGIN CERTIFICATE-----\n${body.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  }
}
