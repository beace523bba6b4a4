/** The field and curve constant of edwards25519 (RFC 8032 section 5.1). */
const p = 2n ** 255n - 19n
const d = 37095705934669439343138083508754565189542113879843219016388785533085940283555n

/**
 * Whether 32 bytes encode a point an Ed25519 public key may be: the canonical spelling (y below p), on
 * the curve, and not of small order. For a key of small order one signature fits many messages.
 */
export function isUsableEd25519Point(encoded: Uint8Array): boolean {
  const y = littleEndian(encoded) & (2n ** 255n - 1n)
  if (y >= p) return false
  const yy = (y * y) % p
  if (isSmallOrder(yy)) return false
  // x^2 = (y^2 - 1) / (d y^2 + 1), which is a square exactly when the product of both sides is.
  return power((yy - 1n) * (d * yy + 1n), (p - 1n) / 2n) === 1n
}

/**
 * The torsion points, told by y alone: y = 0 has order 4, y = 1 and y = -1 have order 1 and 2, and a
 * point doubles to one with y = 0 (so has order 8) exactly when d y^4 + 2 y^2 - 1 = 0.
 */
function isSmallOrder(yy: bigint): boolean {
  return yy === 0n || yy === 1n || (d * yy * yy + 2n * yy - 1n) % p === 0n
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = ((base % p) + p) % p
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % p
    square = (square * square) % p
  }
  return result
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}
