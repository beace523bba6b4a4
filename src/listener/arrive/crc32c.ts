/** The Castagnoli polynomial, its bits reversed (RFC 3309). */
const polynomial = 0x82f63b78

/** CRC-32C of a few bytes; what the runtime offers is another polynomial. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? polynomial : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}
