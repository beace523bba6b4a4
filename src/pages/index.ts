/**
 * The pages people see: pure functions from a view to an HTML document, the style and scripts they
 * load, and the Content-Security-Policy they need.
 *
 * Guarantees: every string of a view is escaped by type; no page holds an inline script, an inline
 * style (the refusal page's hashed one apart) or an event attribute; a link leads to a path or an
 * http(s) address; nothing is fetched from another host; every word is in the catalogue; every page
 * with what it loads is under 20 KB. Follows WCAG 2.2 AA and CSP Level 3 with Trusted Types.
 *
 * Does not: send headers, judge `returnTo`, make anti-forgery values or decide anything.
 */
export { accountPage } from './account.ts'
export type { AccountView, CredentialView, SessionView } from './account.ts'
export { approvalPage, approvalsPage } from './approval.ts'
export type {
  ApprovalState,
  ApprovalsView,
  ApprovalView,
  AskedApproval,
  WaitingApproval,
} from './approval.ts'
export { assetCacheControl, assetFor, loadAssets, sdkScript } from './assets.ts'
export type { Asset } from './assets.ts'
export { consentPage } from './consent.ts'
export type { ConsentView } from './consent.ts'
export { consolePage } from './console.ts'
export type { ConsoleView } from './console.ts'
export { contentSecurityPolicy, formActionSource } from './content-security-policy.ts'
export type { PolicyNeeds } from './content-security-policy.ts'
export { deviceConfirmPage, deviceDonePage, devicePage } from './device.ts'
export type { DeviceConfirmView, DeviceDoneView, DeviceView } from './device.ts'
export { enrolPage, ticketProblemPage } from './enrol.ts'
export type { EnrolView } from './enrol.ts'
export type { PageView } from './layout.ts'
export { logoutPage, signedOutPage } from './logout.ts'
export type { LogoutView } from './logout.ts'
export type { ScopeView } from './parts.ts'
export { breakGlassPage } from './passkeys/break-glass.ts'
export type { BreakGlassView } from './passkeys/break-glass.ts'
export { recoveriesPage } from './passkeys/recoveries.ts'
export type { RecoveriesView, RecoveryView } from './passkeys/recoveries.ts'
export { errorPage, refusalPage, refusalStyleHash } from './refusal.ts'
export type { ErrorView, RefusalView } from './refusal.ts'
export { signInPage } from './sign-in.ts'
export type { SignInView } from './sign-in.ts'
export { continuePage, stepUpPage } from './step-up.ts'
export type { ContinueView, StepUpView } from './step-up.ts'
export { english } from './strings.ts'
export type { Strings } from './strings.ts'
export type { WantedKey } from './wanted-key.ts'
