import { registerHooks } from 'node:module'

/**
 * Lets the schema library cost what it is used for. It loads its messages in every language with itself, 58 modules
 * of which those in English are the only ones that anybody here sees. Comes before its first import. Where the
 * library has other modules, all of them are loaded.
 */
export function keepSchemasLean(): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      const isAll = specifier === '../locales/index.js' && inLibrary.test(context.parentURL ?? '')
      return next(isAll ? '../locales/en.js' : specifier, context)
    },
  })
}

const inLibrary = /\/node_modules\/zod\/[^?#]*$/
