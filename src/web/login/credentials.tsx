/** Renders the form to log in or register. Marks the rules that the input meets, and shows the service's error messages. */
import { useState } from 'preact/hooks'
import {
  type AuthFeatures,
  type ChatApiError,
  createChatApi,
  PASSWORD_RULES,
  type Session,
  USERNAME_RULES
} from '../../../client/src/index.ts'
import { accountOf } from '../account-api.ts'
import { CheckBox } from '../check-box.tsx'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import { askPasskey, hasPasskeys } from '../passkey.ts'
import { type PageSession, serviceUrl } from '../session.ts'
import { Card } from './card.tsx'

/** Logs in with `work`. `username` is undefined for a login with a passkey, which needs no username. */
export type LogIn = (work: (session: Session) => Promise<void>, username?: string) => Promise<void>

interface CredentialsProps {
  readonly page: PageSession
  readonly username: string
  readonly invitation: string | undefined
  /** The features that the service offers. Undefined until they are known. */
  readonly features: AuthFeatures | undefined
  readonly notice: string | undefined
  readonly shouldRemember: boolean
  readonly onRemember: (shouldRemember: boolean) => void
  readonly onForgot: () => void
  readonly onLogIn: LogIn
}

const api = createChatApi({ url: serviceUrl })

export const Credentials = (props: CredentialsProps) => {
  const { page, invitation, features, notice, shouldRemember, onRemember, onForgot, onLogIn } = props
  const [isNew, setNew] = useState(invitation !== undefined)
  const [username, setUsername] = useState(props.username)
  const [password, setPassword] = useState('')
  const [email, setEmail] = useState('')
  const action = useAction()
  const mayRegister = invitation !== undefined || (features?.registration ?? 'open') === 'open'

  const submit = (): void =>
    void action.run(async () => {
      if (isNew) {
        await api.register(username, password, {
          ...(email === '' ? {} : { email }),
          ...(invitation === undefined ? {} : { invitation })
        })
      }
      await onLogIn(session => session.logIn({ username, password, shouldRemember }), username)
    })
  const submitPasskey = (): void =>
    void action.run(async () => {
      const { challenge, options } = await accountOf(page.session).passkeyLoginOptions()
      const response = await askPasskey(options)
      await onLogIn(session => session.logInWithPasskey({ challenge, response, shouldRemember }))
    })
  const choose = (next: boolean) => () => {
    setNew(next)
    action.reset()
  }

  return (
    <Card
      title={isNew ? 'Create an account' : 'Welcome back'}
      lead={isNew ? 'Choose a username and a password.' : 'Log in to join the conversation.'}
      button={isNew ? 'Create account' : 'Log in'}
      action={action}
      isComplete={username !== '' && password !== ''}
      focus={error => fieldToFocus(error, isNew, props.username)}
      onSubmit={submit}
      after={
        !isNew && (
          <>
            {features?.passkeys && hasPasskeys() && (
              <button type="button" class="plain" onClick={submitPasskey}>
                Log in with a passkey
              </button>
            )}
            {features?.mail && (
              <button type="button" class="plain" onClick={onForgot}>
                Forgot your password?
              </button>
            )}
          </>
        )
      }
    >
      {mayRegister && (
        <fieldset class="tabs">
          <legend class="hidden">Log in or register</legend>
          <button type="button" aria-pressed={!isNew} onClick={choose(false)}>
            Log in
          </button>
          <button type="button" aria-pressed={isNew} onClick={choose(true)}>
            Register
          </button>
        </fieldset>
      )}
      {notice && !action.error && (
        <p class="note" role="status">
          {notice}
        </p>
      )}
      <Field
        name="username"
        label="Username"
        value={username}
        rules={isNew ? USERNAME_RULES : []}
        autoComplete="username"
        // The keyboard of a phone adds a space after a word. No username contains a space.
        onInput={value => setUsername(value.trim())}
      />
      {isNew && features?.mail && (
        <Field
          name="email"
          label={features.verified_email ? 'E-mail' : 'E-mail (optional)'}
          value={email}
          autoComplete="email"
          inputMode="email"
          hint="You need it to reset a forgotten password."
          onInput={value => setEmail(value.trim())}
        />
      )}
      <Field
        name="password"
        label="Password"
        value={password}
        rules={isNew ? PASSWORD_RULES : []}
        autoComplete={isNew ? 'new-password' : 'current-password'}
        isSecret
        onInput={setPassword}
      />
      {page.memoryReason === undefined ? (
        <CheckBox name="remember" label="Remember me on this device" isChecked={shouldRemember} onChange={onRemember} />
      ) : (
        <p class="hint">{page.memoryReason}</p>
      )}
    </Card>
  )
}

/** Returns the selector of the field to correct, or of the first empty field. */
const fieldToFocus = (error: ChatApiError | undefined, isNew: boolean, username: string): string => {
  if (!error) return username ? '[name=password]' : '[name=username]'
  const path = error.errors[0]?.path ?? ''
  if (error.code === 'username_taken' || (isNew && path.endsWith('username'))) return '[name=username]'
  return isNew && path.endsWith('email') ? '[name=email]' : '[name=password]'
}
