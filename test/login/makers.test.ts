import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isOfMaker } from '../../src/login/makers.ts'

test('a text is of a maker whose whole name stands in it', () => {
  for (const [text, maker] of [
    ['Yubico AB', 'Yubico'],
    ['Security Key NFC by Yubico', 'yubico'],
    ['YubiKey 5 Series with NFC', 'Yubico'],
    ['Feitian ePass FIDO2-NFC Plus', 'FEITIAN'],
    ['ePass FIDO2-NFC Plus', 'Feitian'],
    ['Windows Hello Hardware Authenticator', 'Microsoft'],
    ['Titan Security Key v2', 'Google'],
    ['SoloKeys', 'solokeys'],
    ['Société Générale des Clés', 'générale des clés'],
    ['Hyper FIDO/Pro-2', 'fido pro'],
  ] as const) {
    assert.equal(isOfMaker(text, maker), true, `${text} ${maker}`)
  }
})

test('a text is not of a maker of whose name it has a part, or only the letters', () => {
  for (const [text, maker] of [
    ['Yubicon', 'Yubico'],
    ['Not Yubi co', 'Yubico'],
    ['Acme Mini Keys', 'Acme Keys'],
    ['Keys of Acme', 'Acme Keys'],
    ['', 'Acme'],
    ['Acme', '---'],
    ['Yubico', 'YubiKey'],
    ['titanium card', 'Google'],
  ] as const) {
    assert.equal(isOfMaker(text, maker), false, `${text} ${maker}`)
  }
})
