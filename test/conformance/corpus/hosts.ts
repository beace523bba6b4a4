import { authority, declined, each, lines, one, refused, served, visible } from '../case.ts'
import type { Case } from '../case.ts'

function at(...hosts: readonly string[]): string {
  return lines('GET /public/x HTTP/1.1', ...hosts)
}

/** Who is asked (RFC 9112 3.2, RFC 9110 7.2): one host, in one spelling, known by name. */
export const hosts: readonly Case[] = [
  ...each(
    'A20',
    {
      none: [],
      'ours-then-other': [`Host: ${authority}`, 'Host: evil.example'],
      'other-then-ours': ['Host: evil.example', `Host: ${authority}`],
      'ours-twice': [`Host: ${authority}`, `Host: ${authority}`],
      'of-two-cases': [`Host: ${authority}`, 'HOST: evil.example'],
      'far-apart': [`Host: ${authority}`, 'X-A: b', 'Host: evil.example'],
      three: [`Host: ${authority}`, `Host: ${authority}`, `Host: ${authority}`],
      'ours-then-empty': [`Host: ${authority}`, 'Host:'],
    },
    (parts) => ({ note: parts.join(', ') || 'no host', bytes: at(...parts), expect: refused() }),
  ),
  ...each(
    'C16',
    {
      capitals: authority.toUpperCase(),
      'mixed-case': 'Gw.ProofGate.LocalHost',
      'trailing-dot': `${authority}.`,
      'default-port': `${authority}:80`,
      'default-port-and-dot': `${authority}.:80`,
      'blanks-around': `  ${authority}  `,
    },
    (value) => ({
      note: `Host: ${value} is ours`,
      bytes: at(`Host: ${value}`),
      expect: served('GET /public/x'),
    }),
  ),
  ...each(
    'C16',
    {
      empty: '',
      other: 'evil.example',
      'other-port': `${authority}:443`,
      'port-8080': `${authority}:8080`,
      'port-0': `${authority}:0`,
      'port-65616': `${authority}:65616`,
      'port-of-six-digits': `${authority}:000080`,
      'empty-port': `${authority}:`,
      'negative-port': `${authority}:-80`,
      'word-as-port': `${authority}:http`,
      'two-ports': `${authority}:80:80`,
      'two-dots': `${authority}..`,
      'dot-first': `.${authority}`,
      'longer-in-front': `x.${authority}`,
      'longer-behind': `${authority}.evil.example`,
      'name-in-front': `evil-${authority}`,
      user: `u:p@${authority}`,
      'user-other': `${authority}@evil.example`,
      path: `${authority}/public`,
      query: `${authority}?x`,
      fragment: `${authority}#evil.example`,
      scheme: `http://${authority}`,
      comma: `${authority},evil.example`,
      'comma-blank': `${authority}, evil.example`,
      semicolon: `${authority};evil.example`,
      'blank-inside': 'gw proofgate.localhost',
      'two-hosts': `${authority} evil.example`,
      'tab-inside': `${authority}\tevil.example`,
      backslash: `${authority}\\evil.example`,
      'percent-escape': 'gw%2eproofgate.localhost',
      underscore: 'gw_proofgate.localhost',
      quoted: `"${authority}"`,
      star: '*.proofgate.localhost',
      ipv4: '127.0.0.1',
      'ipv4-decimal': '2130706433',
      ipv6: '[::1]',
      'ipv6-open': '[::1',
      'ipv6-with-zone': '[fe80::1%25eth0]',
      'ipv6-mapped': '[::ffff:127.0.0.1]',
      'ipv6-bare': '::1',
      latin1: 'gw.proofgate.localh\xf6st',
      'utf-8': 'gw.proofgate.localh\xc3\xb6st',
      'full-width-dot': 'gw\xef\xbc\x8eproofgate.localhost',
      punycode: 'xn--gw-eka.proofgate.localhost',
      localhost: 'localhost',
      'very-long': `${'a'.repeat(300)}.example`,
    },
    (value) => ({
      note: `Host: ${visible(value)} is not ours`,
      bytes: at(`Host: ${value}`),
      expect: declined(421),
    }),
  ),
  ...each(
    'C16',
    {
      'leading-zeros-in-port': `${authority}:0080`,
    },
    (value) => ({
      note: `Host: ${value}: a port is a number`,
      bytes: at(`Host: ${value}`),
      expect: served('GET /public/x'),
    }),
  ),
  one({
    id: 'C16.nul',
    note: 'a NUL in the host',
    bytes: at(`Host: ${authority}\0.evil.example`),
    expect: refused(),
  }),
  ...each(
    'C16',
    {
      'x-host': 'X-Host: evil.example',
      'x-forwarded-host': 'X-Forwarded-Host: evil.example',
      'x-forwarded-server': 'X-Forwarded-Server: evil.example',
      'x-original-host': 'X-Original-Host: evil.example',
      'forwarded-host': 'Forwarded: host=evil.example',
      'x-http-host-override': 'X-HTTP-Host-Override: evil.example',
    },
    (line) => ({
      note: `${line} beside our host`,
      bytes: at(`Host: ${authority}`, line),
      expect: {
        ...served('GET /public/x'),
        has: [`x-forwarded-host: ${authority}`],
        lacks: [
          'x-forwarded-server',
          'x-original-host',
          'forwarded',
          'x-host',
          'x-http-host-override',
        ],
      },
    }),
  ),
]
