/** The part of WebAuthn that whoever checks a configuration needs: names and anchors, and nothing that verifies. */
export { parseAnchors } from '../attestation/anchors.ts'
export { knownAlgorithmNames } from '../cose-key.ts'
