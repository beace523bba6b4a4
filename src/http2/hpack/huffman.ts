/**
 * The code of RFC 7541 appendix B. Codes of one length follow each other in the order of their octets and
 * each length goes on where the one before it ended, so that the lengths say it all.
 */
const octetsByLength: readonly (readonly [number, string])[] = [
  [5, '012aceiost'],
  [6, ' %-./3456789=A_bdfghlmnpru'],
  [7, ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'],
  [8, '&*,;XZ'],
  [10, '!"()?'],
  [11, "'+|"],
  [12, '#>'],
  [13, '\0$@[]~'],
  [14, '^}'],
  [15, '<`{'],
  [19, '\\\xc3\xd0'],
  [20, '\x80\x82\x83\xa2\xb8\xc2\xe0\xe2'],
  [21, '\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6'],
  [
    22,
    '\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4\xe8\xe9',
  ],
  [
    23,
    '\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7\xbc\xbf\xc5\xe7\xef',
  ],
  [24, '\x09\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed'],
  [25, '\xc7\xcf\xea\xeb'],
  [26, '\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff'],
  [27, '\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe'],
  [
    28,
    '\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f\xdc\xf9',
  ],
  [30, '\n\r\x16'],
]

/** The end of string, the last code of 30 bits: never sent, its beginning pads (RFC 7541 5.2). */
const endOfString = 256
const longestPadding = 7

/*
 * The decoder is a machine that takes four bits at a time. A state is a node of the tree of codes; a step
 * is the node it leads to above the octet that it ends, if it ends one: no code is shorter than five bits.
 */
const emits = 0x100
const stateShift = 9
const refused = -1

/** A node of the tree: what each bit leads to, an octet or another node. */
interface Branch {
  readonly state: number
  readonly next: [Branch | number | undefined, Branch | number | undefined]
}

const { steps, mayEnd } = makeMachine()

/** @returns how many octets it put `into`, or -1 when `code` is no sound coding. */
export function decodeHuffman(code: Buffer, into: Buffer): number {
  let state = 0
  let length = 0
  for (let at = 0; at < code.length; at++) {
    const octet = code[at] ?? 0
    const high = steps[(state << 4) | (octet >> 4)] ?? refused
    if (high < 0) return refused
    if ((high & emits) !== 0) into[length++] = high & 0xff
    const low = steps[((high >> stateShift) << 4) | (octet & 0xf)] ?? refused
    if (low < 0) return refused
    if ((low & emits) !== 0) into[length++] = low & 0xff
    state = low >> stateShift
  }
  return mayEnd[state] === 1 ? length : refused
}

/** The most octets that `length` octets of code can mean. */
export function longestDecoded(length: number): number {
  return Math.ceil((length * 8) / 5)
}

function makeMachine(): { steps: Int32Array; mayEnd: Uint8Array } {
  const branches = makeTree()
  const [root] = branches
  const table = new Int32Array(branches.length * 16)
  for (const branch of branches) {
    for (let bits = 0; bits < 16; bits++) {
      table[branch.state * 16 + bits] = root === undefined ? refused : step(root, branch, bits)
    }
  }
  return { steps: table, mayEnd: endingStates(branches) }
}

/** Invariant: the end of string is refused wherever it stands (RFC 7541 5.2). */
function step(root: Branch, from: Branch, bits: number): number {
  let at = from
  let octet = 0
  for (let shift = 3; shift >= 0; shift--) {
    const next = at.next[(bits & (1 << shift)) === 0 ? 0 : 1]
    if (next === endOfString || next === undefined) return refused
    if (typeof next === 'number') octet = emits | next
    at = typeof next === 'number' ? root : next
  }
  return (at.state << stateShift) | octet
}

/** Invariant: what is left at the end is less than eight bits, all ones (RFC 7541 5.2). */
function endingStates(branches: readonly Branch[]): Uint8Array {
  const ending = new Uint8Array(branches.length)
  let at: Branch | number | undefined = branches[0]
  for (let bits = 0; bits <= longestPadding && typeof at === 'object'; bits++) {
    ending[at.state] = 1
    at = at.next[1]
  }
  return ending
}

function makeTree(): readonly Branch[] {
  const branches: Branch[] = [{ state: 0, next: [undefined, undefined] }]
  let code = 0
  let last = 0
  const add = (length: number, symbol: number): void => {
    code <<= length - last
    last = length
    plant(branches, { code, length, symbol })
    code += 1
  }
  for (const [length, octets] of octetsByLength) {
    for (let at = 0; at < octets.length; at++) add(length, octets.charCodeAt(at))
  }
  add(last, endOfString)
  return branches
}

function plant(
  branches: Branch[],
  leaf: { readonly code: number; readonly length: number; readonly symbol: number },
): void {
  let [at] = branches
  for (let shift = leaf.length - 1; shift >= 0 && at !== undefined; shift--) {
    const bit = (leaf.code & (1 << shift)) === 0 ? 0 : 1
    let next: Branch | number | undefined = at.next[bit]
    if (shift === 0) next = leaf.symbol
    else if (typeof next !== 'object') {
      next = { state: branches.length, next: [undefined, undefined] }
      branches.push(next)
    }
    at.next[bit] = next
    at = typeof next === 'object' ? next : undefined
  }
}
