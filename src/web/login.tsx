/** Renders the form to log in or register. Marks the rules that the input meets, and shows the service's error messages. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { ChatApiError, createChatApi, PASSWORD_RULES, USERNAME_RULES } from '../../client/src/index.ts'
import { Field } from './field.tsx'
import { Logo } from './icons.tsx'
import { type Session, serviceUrl } from './session.ts'

interface LoginProps {
  readonly username?: string | undefined
  /** Why the user has to log in again. */
  readonly notice?: string | undefined
  readonly onDone: (session: Session) => void
}

const api = createChatApi({ url: serviceUrl })

export const Login = ({ username: given = '', notice, onDone }: LoginProps) => {
  const [isNew, setNew] = useState(false)
  const [username, setUsername] = useState(given)
  const [password, setPassword] = useState('')
  const [isBusy, setBusy] = useState(false)
  const [refusal, setRefusal] = useState<ChatApiError>()
  const form = useRef<HTMLFormElement>(null)

  useEffect(() => {
    form.current?.querySelector<HTMLInputElement>(given ? '[name=password]' : '[name=username]')?.focus()
    document.title = 'Log in · Chat'
  }, [])

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (isBusy) return
    setBusy(true)
    setRefusal(undefined)
    try {
      if (isNew) await api.register(username, password)
      const { access_token: token } = await api.login(username, password)
      onDone({ username, token })
    } catch (error) {
      if (!(error instanceof ChatApiError)) throw error
      setBusy(false)
      setRefusal(error)
      form.current?.querySelector<HTMLInputElement>(fieldToFocus(error, isNew))?.focus()
    }
  }

  const choose = (next: boolean) => () => {
    setNew(next)
    setRefusal(undefined)
  }

  const name = isNew ? 'Create account' : 'Log in'
  return (
    <main class="login">
      <form ref={form} class="card" onSubmit={submit} noValidate aria-labelledby="login-title">
        <Logo />
        <h1 id="login-title">{isNew ? 'Create an account' : 'Welcome back'}</h1>
        <p class="lead">{isNew ? 'Choose a username and a password.' : 'Log in to join the conversation.'}</p>
        <fieldset class="tabs">
          <legend class="hidden">Log in or register</legend>
          <button type="button" aria-pressed={!isNew} onClick={choose(false)}>
            Log in
          </button>
          <button type="button" aria-pressed={isNew} onClick={choose(true)}>
            Register
          </button>
        </fieldset>
        {notice && !refusal && (
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
        <Field
          name="password"
          label="Password"
          value={password}
          rules={isNew ? PASSWORD_RULES : []}
          autoComplete={isNew ? 'new-password' : 'current-password'}
          isSecret
          onInput={setPassword}
        />
        <div role="alert">
          {refusal && (
            <p class="refusal" dir="auto">
              {errorTextOf(refusal)}
            </p>
          )}
        </div>
        <button class="primary" type="submit" disabled={isBusy || username === '' || password === ''}>
          {isBusy ? 'Please wait…' : name}
        </button>
      </form>
    </main>
  )
}

/** Returns the selector of the field to correct. */
const fieldToFocus = ({ code, errors }: ChatApiError, isNew: boolean): string =>
  code === 'username_taken' || (isNew && errors[0]?.path.endsWith('username')) ? '[name=username]' : '[name=password]'

/** Returns the message of each violated rule, or the error's detail. */
const errorTextOf = ({ detail, errors }: ChatApiError): string =>
  errors.length === 0 ? detail : errors.map(({ message }) => message).join(' ')
