/** What a document is attached to, which decides what may stand in it and what its Allow is worth. */
export type PolicyKind = 'identity' | 'boundary' | 'session' | 'resource' | 'trust'

export interface KindRules {
  /** As sentences name it. */
  readonly name: string
  /** Whether statements say whom they are about; elsewhere that is whoever the policy is attached to. */
  readonly hasPrincipal: boolean
  /** A trust policy is about the role it belongs to, and names no other resource. */
  readonly hasResource: boolean
  /** Characters of the compact JSON. */
  readonly largest: number
}

/** Sizes are those of AWS where it has the kind. */
export const kindRules: Readonly<Record<PolicyKind, KindRules>> = {
  identity: rules('a policy of people, groups or roles', 10_240),
  boundary: rules('a permission boundary', 6144),
  session: rules('a session policy', 2048),
  resource: { ...rules("an API's resource policy", 8192), hasPrincipal: true },
  trust: { ...rules('a trust policy', 4096), hasPrincipal: true, hasResource: false },
}

function rules(name: string, largest: number): KindRules {
  return { name, hasPrincipal: false, hasResource: true, largest }
}
