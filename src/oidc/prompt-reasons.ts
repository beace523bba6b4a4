/** Reasons for which a session that is merely there does not do: a new ceremony is needed. */
export const freshCeremonyReasons: ReadonlySet<string> = new Set([
  'login_prompt',
  'max_age',
  'acr_values',
  'device_touch',
])
