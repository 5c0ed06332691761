/** @jsxImportSource react */
/** Renders the form to log in or register. The password is hidden. Shows which rules are met, and the service's error messages. */
import { Box, useApp, useCursor } from 'ink'
import { PASSWORD_RULES, type Rule, USERNAME_RULES } from '../../../client/src/index.ts'
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
  /** Why the user has to log in again; empty at the first login. */
  readonly reason: string
  readonly onLogIn: (username: string, password: string) => Promise<void>
  readonly onRegister: (username: string, password: string) => Promise<void>
  readonly onDone: () => void
}

const LABEL_WIDTH = 12

export const Login = (props: LoginProps) => {
  const { columns } = useSize()
  const { setCursorPosition } = useCursor()
  const form = useForm(props)
  const { isRegistering, isInPassword, username, password, errors } = form
  const hidden = (text: string): string => '•'.repeat(graphemesOf(text).length)
  const field = isInPassword ? password.current.before : username.current.before
  const shown = isInPassword ? hidden(field) : safeLine(field)
  const lines: Span[][] = [
    [{ text: cut(`fastify-chat  ${safeLine(props.url)}`, columns - 1), isBold: true }],
    [{ text: '' }],
    [{ text: isRegistering ? 'Register' : 'Log in', isBold: true }],
    [{ text: `Ctrl-R: ${isRegistering ? 'log in' : 'register'} instead`, isDim: true }],
    [{ text: '' }],
    fieldLine('Username', safeLine(textOf(username.current)), columns),
    ...(isRegistering ? ruleLines(USERNAME_RULES, textOf(username.current).trim()) : []),
    fieldLine('Password', hidden(textOf(password.current)), columns),
    ...(isRegistering ? ruleLines(PASSWORD_RULES, textOf(password.current)) : []),
    [{ text: '' }],
    ...errors.flatMap(text => wrap(safeLine(text), columns - 1).map((line): Span[] => [{ text: line, colour: 'red' }])),
    [{ text: form.isBusy ? 'please wait…' : 'Enter: continue   Tab: other field   Ctrl-C: quit', isDim: true }]
  ]
  const y = isInPassword ? 6 + (isRegistering ? USERNAME_RULES.length : 0) : 5
  setCursorPosition({ x: Math.min(LABEL_WIDTH + cellsOf(shown), columns - 1), y })
  return (
    <Box flexDirection="column">
      {lines.map((spans, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other key.
        <Line key={index} spans={spans} />
      ))}
    </Box>
  )
}

const fieldLine = (label: string, value: string, columns: number): Span[] => [
  { text: label.padEnd(LABEL_WIDTH), isDim: true },
  { text: cut(value, columns - LABEL_WIDTH - 1) }
]

const ruleLines = (rules: readonly Rule[], value: string): Span[][] =>
  rules.map(({ text, isMet }) =>
    isMet(value) ? [{ text: `  ✓ ${text}`, colour: 'green' }] : [{ text: `  · ${text}`, isDim: true }]
  )

/** Holds the form's state and handles its keys. */
const useForm = ({ username: given, reason, onLogIn, onRegister, onDone }: LoginProps) => {
  const { exit } = useApp()
  const username = useLive<Draft>({ before: given, after: '' })
  const password = useLive(EMPTY)
  const isRegistering = useLive(false)
  const isInPassword = useLive(given !== '')
  const isBusy = useLive(false)
  const errors = useLive<string[]>([])

  const submit = async (): Promise<void> => {
    const name = textOf(username.current).trim()
    const secret = textOf(password.current)
    if (name === '' || secret === '') return isInPassword.set(name !== '')
    isBusy.set(true)
    errors.set([])
    try {
      await (isRegistering.current ? onRegister : onLogIn)(name, secret)
      onDone()
    } catch (error) {
      errors.set(errorMessagesOf(error))
    }
    // Also runs after a login, because the service may reject the new token, and this form is then shown again.
    isBusy.set(false)
  }
  const actions: Partial<Record<Extract<Key, { type: 'key' }>['name'], () => void>> = {
    endOfInput: exit,
    switch: () => isRegistering.set(!isRegistering.current),
    tab: () => isInPassword.set(!isInPassword.current),
    up: () => isInPassword.set(false),
    down: () => isInPassword.set(true),
    enter: () => (isInPassword.current ? void submit() : isInPassword.set(true)),
    newline: () => {}
  }
  useKeys(key => {
    if (key.type === 'key' && key.name === 'quit') return exit()
    if (isBusy.current) return
    const action = key.type === 'key' ? actions[key.name] : undefined
    if (action) action()
    else applyKey(isInPassword.current ? password : username, onOneLine(key))
  })
  return {
    username,
    password,
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
