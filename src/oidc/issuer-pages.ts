import type { IncomingMessage } from 'node:http'
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import { invariant } from '../core/index.ts'
import type { CurrentSession } from './policy.ts'

/** The pages that the issuer's own endpoints show. */
export interface IssuerPages {
  deviceCode(input: { action: string; xsrf: string; userCode?: string; message?: string }): string
  deviceConfirm(input: {
    action: string
    xsrf: string
    userCode: string
    clientName: string
    address: string
    userAgent: string
    scopes: readonly string[]
  }): string
  deviceDone(outcome: 'connected' | 'stopped'): string
  logout(input: { action: string; xsrf: string; clientName?: string }): string
  signedOut(): string
  failure(input: { error: string; description: string; requestId: string }): string
}

type Features = NonNullable<Configuration['features']>

/** The features of the library that show pages of their own: device approval and sign-out. */
export function pageFeatures(parts: {
  readonly pages: IssuerPages
  readonly currentSession: CurrentSession
  readonly onWrongUserCode: (address: string) => void
}): Pick<Features, 'deviceFlow' | 'rpInitiatedLogout'> {
  const { pages } = parts
  return {
    rpInitiatedLogout: logoutPages(pages, parts.currentSession),
    deviceFlow: devicePages(pages, parts.onWrongUserCode),
  }
}

function logoutPages(
  pages: IssuerPages,
  currentSession: CurrentSession,
): Features['rpInitiatedLogout'] {
  return {
    enabled: true,
    logoutSource: async (ctx) => {
      const clientName = ctx.oidc.client?.clientName
      show(
        ctx,
        pages.logout({
          action: ctx.oidc.urlFor('end_session_confirm'),
          xsrf: xsrfOf(ctx),
          ...(clientName === undefined ? {} : { clientName }),
        }),
      )
    },
    // A session of ours that the library's was not about is still there, and says so on its page.
    postLogoutSuccessSource: async (ctx) => {
      if ((await currentSession(ctx.req)) === undefined) show(ctx, pages.signedOut())
      else ctx.redirect(`${new URL(ctx.oidc.issuer).pathname.replace(/\/$/, '')}/account`)
    },
  }
}

/** Ten of twenty letters: 43 bits, and the tries are limited besides (RFC 8628 5.1). */
const userCodeMask = '*****-*****'

function devicePages(
  pages: IssuerPages,
  onWrongCode: (address: string) => void,
): Features['deviceFlow'] {
  return {
    enabled: true,
    mask: userCodeMask,
    charset: 'base-20',
    deviceInfo: (ctx) => ({
      address: ctx.ip,
      userAgent: (ctx.req.headers['user-agent'] ?? 'unknown').slice(0, 200),
    }),
    userCodeInputSource: async (ctx, _form, _out, error) => {
      if (error?.name === 'AbortedError') {
        show(ctx, pages.deviceDone('stopped'))
        return
      }
      if (error !== undefined && error.name !== unmet) onWrongCode(ctx.ip)
      const userCode = prefilled.get(ctx.req)
      show(
        ctx,
        pages.deviceCode({
          action: ctx.oidc.urlFor('code_verification'),
          xsrf: xsrfOf(ctx),
          ...(userCode === undefined ? {} : { userCode }),
          ...(error === undefined ? {} : { message: messageFor(error.name) }),
        }),
      )
    },
    userCodeConfirmSource: async (ctx, _form, client, device, userCode) =>
      show(
        ctx,
        pages.deviceConfirm({
          action: ctx.oidc.urlFor('code_verification'),
          xsrf: xsrfOf(ctx),
          userCode,
          clientName: client.clientName ?? client.clientId,
          address: textOf(device['address']),
          userAgent: textOf(device['userAgent']),
          scopes: scopesOf(ctx.oidc.entities.DeviceCode),
        }),
      ),
    successSource: async (ctx) => show(ctx, pages.deviceDone('connected')),
  }
}

const unmet = 'UnmetAuthenticationRequirements'

/** One text whatever was wrong with the code, so that guessing teaches nothing. */
function messageFor(error: string): string {
  if (error === unmet) {
    return 'The program needs a stronger key than the one you touched. Start again there, and touch that one.'
  }
  return error === 'NoCodeError'
    ? 'Enter the code that the program shows.'
    : 'This code is not valid. Check it, or start again where it was shown.'
}

/** What the program asked for when it began. */
function scopesOf(code: { readonly params?: unknown } | undefined): string[] {
  const params = (code?.params ?? {}) as { readonly scope?: unknown }
  return textOf(params.scope)
    .split(' ')
    .filter((scope) => scope !== '')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function show(ctx: KoaContextWithOIDC, body: string): void {
  ctx.type = 'html'
  ctx.body = body
}

function xsrfOf(ctx: KoaContextWithOIDC): string {
  const secret = (ctx.oidc.session?.state as { secret?: string } | undefined)?.secret
  invariant(secret !== undefined, 'the library has prepared a form token')
  return secret
}

const prefilled = new WeakMap<IncomingMessage, string>()

/** A code that came with the link is only filled in: continuing takes a click and then a touch. */
export function prefillUserCode(request: IncomingMessage, userCode: string): void {
  prefilled.set(request, userCode)
}
