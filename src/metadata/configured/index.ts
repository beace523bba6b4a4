/** The part of metadata that whoever checks a configuration needs: reading what is written there, and nothing that judges. */
export { parseRevocationLists } from '../revocation-list.ts'
export { isFetchable } from '../source.ts'
