/** @jsxImportSource react */
/**
 * Renders the form to log in or register, then the field for the code of a second factor if the service asks for one. The
 * password is hidden. Shows the service's error messages. The form to register also shows which rules for usernames and
 * passwords are met.
 */
import { Box, useApp, useCursor } from 'ink'
import { type ChatApiError, PASSWORD_RULES, type Rule, USERNAME_RULES } from '../../../client/src/index.ts'
import { safeLine } from '../safe-text.ts'
import { cellsOf, cut, graphemesOf, wrap } from './cells.ts'
import { type Draft, EMPTY, textOf } from './editor.ts'
import { applyKey, useKeys, useLive, useSize } from './hooks.ts'
import type { Key } from './keys.ts'
import type { Span } from './rows.ts'
import { Line } from './styled.tsx'

export interface LoginProps {
  readonly url: string
  readonly username: string
  /** The reason why the user has to log in again. Empty at the first login. */
  readonly reason: string
  readonly onLogIn: (username: string, password: string) => Promise<void>
  /** Continues a login that needs the code of an authenticator app, or a recovery code. */
  readonly onCode: (challenge: string, code: string) => Promise<void>
  readonly onRegister: (username: string, password: string) => Promise<void>
  readonly onDone: () => void
}

const LABEL_WIDTH = 12
const KEYS = 'Enter: continue   Tab: other field   Ctrl-C: quit'
const CODE_KEYS = 'Enter: continue   Ctrl-R: back   Ctrl-C: quit'
const CODE_HINT = 'Enter the code of your authenticator app, or a recovery code.'

export const Login = (props: LoginProps) => {
  const { columns } = useSize()
  const { setCursorPosition } = useCursor()
  const form = useForm(props)
  const { code, challenge } = form
  if (challenge !== '') {
    const shown = safeLine(textOf(code.current))
    setCursorPosition({ x: Math.min(LABEL_WIDTH + cellsOf(safeLine(code.current.before)), columns - 1), y: 5 })
    return (
      <Lines
        lines={[
          ...headOf(props.url, 'Second step', CODE_HINT, columns),
          fieldLine('Code', shown, columns),
          ...footOf(form, columns, CODE_KEYS)
        ]}
      />
    )
  }
  const { isRegistering, isInPassword, username, password } = form
  const hidden = (text: string): string => '•'.repeat(graphemesOf(text).length)
  const field = isInPassword ? password.current.before : username.current.before
  const shown = isInPassword ? hidden(field) : safeLine(field)
  const lines: Span[][] = [
    ...headOf(
      props.url,
      isRegistering ? 'Register' : 'Log in',
      `Ctrl-R: ${isRegistering ? 'log in' : 'register'} instead`,
      columns
    ),
    fieldLine('Username', safeLine(textOf(username.current)), columns),
    ...(isRegistering ? ruleLines(USERNAME_RULES, textOf(username.current).trim()) : []),
    fieldLine('Password', hidden(textOf(password.current)), columns),
    ...(isRegistering ? ruleLines(PASSWORD_RULES, textOf(password.current)) : []),
    ...footOf(form, columns, KEYS)
  ]
  const y = isInPassword ? 6 + (isRegistering ? USERNAME_RULES.length : 0) : 5
  setCursorPosition({ x: Math.min(LABEL_WIDTH + cellsOf(shown), columns - 1), y })
  return <Lines lines={lines} />
}

const Lines = ({ lines }: { readonly lines: readonly Span[][] }) => (
  <Box flexDirection="column">
    {lines.map((spans, index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other key.
      <Line key={index} spans={spans} />
    ))}
  </Box>
)

const headOf = (url: string, title: string, hint: string, columns: number): Span[][] => [
  [{ text: cut(`fastify-chat  ${safeLine(url)}`, columns - 1), isBold: true }],
  [{ text: '' }],
  [{ text: title, isBold: true }],
  [{ text: cut(hint, columns - 1), isDim: true }],
  [{ text: '' }]
]

const footOf = (
  form: { readonly errors: string[]; readonly isBusy: boolean },
  columns: number,
  keys: string
): Span[][] => [
  [{ text: '' }],
  ...form.errors.flatMap(text =>
    wrap(safeLine(text), columns - 1).map((line): Span[] => [{ text: line, colour: 'red' }])
  ),
  [{ text: form.isBusy ? 'please wait…' : keys, isDim: true }]
]

const fieldLine = (label: string, value: string, columns: number): Span[] => [
  { text: label.padEnd(LABEL_WIDTH), isDim: true },
  { text: cut(value, columns - LABEL_WIDTH - 1) }
]

const ruleLines = (rules: readonly Rule[], value: string): Span[][] =>
  rules.map(({ text, isMet }) =>
    isMet(value) ? [{ text: `  ✓ ${text}`, colour: 'green' }] : [{ text: `  · ${text}`, isDim: true }]
  )

/** Holds the form's state and handles its keys. */
const useForm = ({ username: given, reason, onLogIn, onCode, onRegister, onDone }: LoginProps) => {
  const { exit } = useApp()
  const username = useLive<Draft>({ before: given, after: '' })
  const password = useLive(EMPTY)
  const code = useLive(EMPTY)
  /** The challenge of a login that needs a code; empty if no code is needed. */
  const challenge = useLive('')
  const isRegistering = useLive(false)
  const isInPassword = useLive(given !== '')
  const isBusy = useLive(false)
  const errors = useLive<string[]>([])

  const run = async (work: () => Promise<void>): Promise<void> => {
    isBusy.set(true)
    errors.set([])
    try {
      await work()
      onDone()
    } catch (error) {
      const { code: problem, challenge: next } = error as ChatApiError
      if (problem === 'second_factor_required' && next !== undefined) challenge.set(next)
      else errors.set(errorMessagesOf(error))
    }
    // Also needed after a successful login, because this form is shown again if the service rejects the new token.
    isBusy.set(false)
  }
  const submit = (): void => {
    const name = textOf(username.current).trim()
    const secret = textOf(password.current)
    const entered = textOf(code.current).trim()
    if (challenge.current !== '') return entered === '' ? undefined : void run(() => onCode(challenge.current, entered))
    if (name === '' || secret === '') return isInPassword.set(name !== '')
    void run(() => (isRegistering.current ? onRegister : onLogIn)(name, secret))
  }
  /** Changes between the forms to log in and to register, or returns from the code to the password. */
  const change = (): void => {
    if (challenge.current === '') return isRegistering.set(!isRegistering.current)
    challenge.set('')
    code.set(EMPTY)
    errors.set([])
  }
  const actions: Partial<Record<Extract<Key, { type: 'key' }>['name'], () => void>> = {
    endOfInput: exit,
    switch: change,
    tab: () => isInPassword.set(!isInPassword.current),
    up: () => isInPassword.set(false),
    down: () => isInPassword.set(true),
    enter: () => (isInPassword.current || challenge.current !== '' ? submit() : isInPassword.set(true)),
    newline: () => {}
  }
  const field = () => (challenge.current !== '' ? code : isInPassword.current ? password : username)
  useKeys(key => {
    if (key.type === 'key' && key.name === 'quit') return exit()
    if (isBusy.current) return
    const action = key.type === 'key' ? actions[key.name] : undefined
    if (action) action()
    else applyKey(field(), onOneLine(key))
  })
  return {
    username,
    password,
    code,
    challenge: challenge.current,
    isRegistering: isRegistering.current,
    isInPassword: isInPassword.current,
    isBusy: isBusy.current,
    errors: errors.current.length === 0 && reason !== '' ? [reason] : errors.current
  }
}

const onOneLine = (key: Key): Key => (key.type === 'text' ? { type: 'text', text: key.text.replaceAll('\n', '') } : key)

/** Returns the message of each violated rule, or the error's own message. */
const errorMessagesOf = (error: unknown): string[] => {
  const { message, errors = [] } = error as { message: string; errors?: readonly { message: string }[] }
  return errors.length > 0 ? errors.map(rule => rule.message) : [message]
}
