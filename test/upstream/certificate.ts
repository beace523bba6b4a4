import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'

/** A self-signed P-256 certificate for one DNS name, for an hour either side of now. */
export function selfSigned(name: string): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  const ecdsaWithSha256 = sequence(hex('06082a8648ce3d040302'))
  const commonName = sequence(hex('0603550403'), tagged(0x0c, Buffer.from(name)))
  const subject = sequence(tagged(0x31, commonName))
  const hour = 3_600_000
  const validity = sequence(utcTime(Date.now() - hour), utcTime(Date.now() + hour))
  const altName = sequence(tagged(0x82, Buffer.from(name)))
  const extensions = sequence(
    sequence(hex('0603551d13'), hex('0101ff'), tagged(0x04, sequence(hex('0101ff')))),
    sequence(hex('0603551d11'), tagged(0x04, altName)),
  )
  const certificate = sequence(
    hex('a003020102'),
    hex('020101'),
    ecdsaWithSha256,
    subject,
    validity,
    subject,
    spki,
    tagged(0xa3, extensions),
  )
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' })
  const signature = sign('sha256', certificate, createPrivateKey(key))
  const whole = sequence(
    certificate,
    ecdsaWithSha256,
    tagged(0x03, Buffer.concat([hex('00'), signature])),
  )
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? []
  return {
    key,
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
  }
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function utcTime(at: number): Buffer {
  const digits = new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)
  return tagged(0x17, Buffer.from(`${digits}Z`))
}
