/** The page of recoveries: to approve one takes a touch for exactly this one. */
import './account.ts'
import { isBound } from './bound.ts'
import { onSubmit, say } from './page.ts'
import { answerOf, requireSupport, send } from './passkey.ts'

interface Asked {
  readonly publicKey?: PublicKeyCredentialRequestOptionsJSON
  readonly nonce?: string
}

async function approve(form: HTMLFormElement): Promise<void> {
  requireSupport()
  const { recovery = '', statement = '' } = form.dataset
  const { publicKey, nonce } = (await send(`/recoveries/${recovery}/options`, {})) as Asked
  if (publicKey === undefined || nonce === undefined) throw new Error('no options')
  const { challenge } = publicKey
  const shown = form.closest('li') ?? form
  if (!(await isBound({ challenge, nonce }, { shown, statement, about: 'username' }))) {
    say('differs', 'problem')
    return
  }
  say('waiting')
  const credential = await navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey),
  })
  say('checking')
  await send(`/recoveries/${recovery}/approve`, answerOf(credential))
  say('done', 'done')
  location.reload()
}

for (const form of document.querySelectorAll<HTMLFormElement>('form[data-recovery]')) {
  onSubmit(form, () => approve(form))
}
