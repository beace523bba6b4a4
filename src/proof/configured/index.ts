/** The part of proofs that whoever checks a configuration needs: how a sentence is written, and nothing that proves. */
export { parseSentence } from '../sentence.ts'
