/**
 * Renders the steps of a login. The first step asks for the credentials. If the service requires it, a second step asks for a
 * second factor, or for the verification of the e-mail address. Also renders the request for a new password.
 */
import { useEffect, useState } from 'preact/hooks'
import type { ChatApiError } from '../../../client/src/index.ts'
import { accountOf } from '../account-api.ts'
import { useLoaded } from '../hooks.ts'
import type { PageSession } from '../session.ts'
import { Credentials, type LogIn } from './credentials.tsx'
import { ForgotPassword } from './forgot-password.tsx'
import { SecondFactor } from './second-factor.tsx'
import { UnverifiedEmail } from './unverified-email.tsx'

interface LoginProps {
  readonly page: PageSession
  readonly username?: string | undefined
  /** The token of the invitation that allows the user to register. */
  readonly invitation?: string | undefined
  /** A sentence for the user, for example why the user has to log in again. */
  readonly notice?: string | undefined
  /** Creates a session that uses no cookie, and makes it the page's session. */
  readonly onMemory: () => PageSession
  readonly onDone: (username: string, page: PageSession) => void
}

type Step =
  | { readonly name: 'credentials'; readonly notice?: string | undefined }
  | { readonly name: 'factor'; readonly username: string; readonly refusal: ChatApiError }
  | { readonly name: 'email'; readonly refusal: ChatApiError }
  | { readonly name: 'forgot' }

export const Login = ({ page, username = '', invitation, notice, onMemory, onDone }: LoginProps) => {
  const [step, setStep] = useState<Step>({ name: 'credentials', notice })
  const [shouldRemember, setRemember] = useState(true)
  const features = useLoaded(() => accountOf(page.session).features())
  useEffect(() => {
    document.title = 'Log in · Chat'
  }, [])

  const logIn: LogIn = async (work, name) => {
    const attempt = async (at: PageSession): Promise<void> => {
      await work(at.session)
      onDone(name ?? (await accountOf(at.session).me()).username, at)
    }
    try {
      await attempt(page).catch((error: ChatApiError) => {
        if (error.code !== 'origin_not_allowed' || page.memoryReason !== undefined) throw error
        return attempt(onMemory())
      })
    } catch (error) {
      const refusal = error as ChatApiError
      if (refusal.code === 'second_factor_required') return setStep({ name: 'factor', username: name ?? '', refusal })
      if (refusal.code === 'email_not_verified') return setStep({ name: 'email', refusal })
      throw error
    }
  }
  const restart = (text?: string) => () => setStep({ name: 'credentials', notice: text })

  if (step.name === 'factor') {
    const { username: name, refusal } = step
    return (
      <SecondFactor {...{ page, shouldRemember, refusal }} onLogIn={work => logIn(work, name)} onCancel={restart()} />
    )
  }
  if (step.name === 'email') {
    return <UnverifiedEmail account={accountOf(page.session)} refusal={step.refusal} onCancel={restart()} />
  }
  if (step.name === 'forgot') return <ForgotPassword account={accountOf(page.session)} onCancel={restart()} />
  return (
    <Credentials
      {...{ page, username, invitation, features, shouldRemember }}
      notice={step.notice}
      onRemember={setRemember}
      onForgot={() => setStep({ name: 'forgot' })}
      onLogIn={logIn}
    />
  )
}
