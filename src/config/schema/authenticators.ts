import { duration, text, word } from '../scalars.ts'
import { isFetchable } from '../../metadata/configured/index.ts'
import { filePath, list, mapping, nothing } from './parts.ts'

/*
 * Which passkeys people may register.
 */

const aaguid = (description: string) =>
  text(
    'aaguid',
    description,
    /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/,
  )

const kind = word(
  'authenticators',
  'which ones: any; device-bound, that do not sync; hardware-only, that prove it by trusted attestation',
  ['any', 'device-bound', 'hardware-only'],
)

const models = {
  allow: list(
    'the only models, each proved by trusted attestation; default: every model',
    aaguid('an AAGUID'),
  ).optional(),
  deny: list('models that are refused', aaguid('an AAGUID')).prefault([]),
}

const maker = (description: string) =>
  text('maker', description, /^(?=.*[\p{L}\p{N}])[^\p{C}]{1,64}$/u)

const makers = {
  allow: list(
    'the only makers besides models in `aaguids.allow`, each proved by trusted attestation; default: every maker',
    maker('a name, as FIDO metadata describes models or certificates name their organization'),
  ).optional(),
  deny: list('makers whose models are refused', maker('a name')).prefault([]),
}

const serials = list(
  'the only devices, each proved by enterprise attestation; default: every device',
  text(
    'serial',
    'a serial number: decimal, or 0x and its octets',
    /^(\d{1,39}|0x[0-9a-fA-F]{1,128})$/,
  ),
)
  .min(1, { error: 'serial' })
  .max(100_000, { error: 'serial' })

const algorithms = list(
  'signature algorithms of new passkeys, in order of preference',
  word('credentialAlgorithm', 'an algorithm', [
    'ES256',
    'EdDSA',
    'RS256',
    'ML-DSA-44',
    'ML-DSA-65',
    'ML-DSA-87',
  ]),
).min(1, { error: 'credentialAlgorithm' })

const anchor = mapping('what attestation is believed for', {
  file: filePath(
    'PEM, relative to this file: certificates of authorities or of devices, or public keys of devices',
  ),
  aaguids: list('the only models it is believed for; default: every model', aaguid('an AAGUID'))
    .min(1, { error: 'aaguid' })
    .optional(),
})

const certification = word(
  'certification',
  'the least certification level that FIDO metadata has to state of a model; default: none',
  ['L1', 'L1+', 'L2', 'L2+', 'L3', 'L3+'],
)

const metadata = mapping('FIDO metadata: what makers and the FIDO Alliance say about models', {
  roots: list(
    'PEM files, relative to this file: certificates that lists of metadata are believed for',
    filePath('a file'),
  ).min(1, { error: 'metadataRoots' }),
  revocationLists: list(
    'PEM files with lists of revoked certificates of those authorities',
    filePath('a file'),
  ).prefault([]),
  url: text(
    'metadataUrl',
    'where `proofgate mds fetch` gets lists; nothing else fetches any',
    /^https?:\/\//,
    isFetchable,
  ).optional(),
  signer: text(
    'serverName',
    'the name that the certificate of the signer has to be for',
    /^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$/,
  ).prefault('mds.fidoalliance.org'),
  warnAfter: duration(
    'how long after its next update was due a list is called late',
    '1m',
    '365d',
  ).prefault('1d'),
  refuseAfter: duration(
    'how long after its next update was due a list vouches for nothing any more',
    '1h',
    '1000d',
  ).prefault('90d'),
})

const act = (description: string) => word('findingAct', description, ['keep', 'warn', 'suspend'])

const registered = mapping('what becomes of registered passkeys that would not be accepted today', {
  reported: act(
    'those of models that metadata reports as revoked or compromised: kept, kept with a record, or suspended',
  ).prefault('suspend'),
  refused: act('those that the rules of today would refuse for any other reason').prefault('warn'),
})

const preset = word(
  'preset',
  'sets every option that NIST SP 800-63B-4 asks for at this level, and refuses weaker ones; default: none',
  ['aal2', 'aal3'],
)

export const authenticators = mapping('which passkeys people may register', {
  preset: preset.optional(),
  allow: kind.prefault('any'),
  aaguids: mapping('models by AAGUID', models).prefault(nothing),
  makers: mapping('models by the name of their maker', makers).prefault(nothing),
  serials: serials.optional(),
  algorithms: algorithms.prefault(['ES256', 'EdDSA', 'RS256']),
  certification: certification.optional(),
  attestation: word(
    'attestation',
    'how much devices are asked to say about themselves; enterprise asks for serial numbers too',
    ['none', 'direct', 'enterprise'],
  ).prefault('none'),
  clone: word(
    'clone',
    'what a signature counter that did not grow leads to, besides a record: block refuses the use, warn lets it through',
    ['block', 'warn'],
  ).prefault('block'),
  signIn: word(
    'signIn',
    'which registered passkeys sign people in: any; hardware-only, that proved it by trusted attestation and do not sync',
    ['any', 'hardware-only'],
  ).prefault('any'),
  trustAnchors: list('whose attestation is believed; default: nobody', anchor).prefault([]),
  metadata: metadata.optional(),
  registered: registered.prefault(nothing),
})

/** Beside the rules for everybody. */
export const groupAuthenticators = mapping(
  'which passkeys its people may register, beside the rules for everybody',
  {
    allow: kind.optional(),
    aaguids: mapping('models by AAGUID', models).optional(),
    makers: mapping('models by the name of their maker', makers).optional(),
    serials: serials.optional(),
    algorithms: algorithms.optional(),
    certification: certification.optional(),
  },
)
