/** The text form of an AAGUID (RFC 9562 section 4), lower case. `aaguid` has 16 bytes. */
export function printAaguid(aaguid: Uint8Array): string {
  const hex = Buffer.from(aaguid).toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
