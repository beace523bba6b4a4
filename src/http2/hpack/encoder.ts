/** Encodes the field blocks of one connection, in the order they are sent (RFC 7541). */
export class HeaderEncoder {
  /**
   * Takes the table sizes of the peer's SETTINGS.
   * @param least - the least that they named on the way to `size` (RFC 7541 4.2).
   */
  resize(size: number, least: number): void {
    void size
    void least
  }

  /**
   * @param fields - name, value, name, value: lower-case names, pseudo-header fields first, latin1 text
   *   that was checked.
   * @returns the block as latin1 text, one character for each octet.
   */
  encode(fields: readonly string[]): string {
    return fields.join('')
  }
}
