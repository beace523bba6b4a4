declare const brand: unique symbol

/** A nominal type: `Brand<string, 'PersonId'>` is a string that only its parser or maker produces. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name }
