/**
 * Renders a labelled text field and marks the rules that its value meets. A secret value is hidden until the user chooses to
 * show it.
 */
import { useState } from 'preact/hooks'
import type { Rule } from '../../client/src/index.ts'
import { Check, Dot } from './icons.tsx'

interface FieldProps {
  readonly name: string
  readonly label: string
  readonly value: string
  readonly rules?: readonly Rule[]
  readonly autoComplete?: 'username' | 'current-password' | 'new-password' | 'one-time-code' | 'email' | 'off'
  readonly isSecret?: boolean
  /** Selects the keyboard that a phone shows. */
  readonly inputMode?: 'text' | 'email' | 'search'
  /** An explanation below the field. */
  readonly hint?: string
  readonly onInput: (value: string) => void
}

export const Field = (props: FieldProps) => {
  const { name, label, value, rules = [], autoComplete = 'off', isSecret, inputMode = 'text', hint, onInput } = props
  const [isShown, setShown] = useState(false)
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <div class="input">
        <input
          id={name}
          name={name}
          type={isSecret && !isShown ? 'password' : 'text'}
          value={value}
          autocomplete={autoComplete}
          inputmode={inputMode}
          autocapitalize="none"
          spellcheck={false}
          aria-describedby={rules.length > 0 ? `${name}-rules` : hint && `${name}-hint`}
          onInput={event => onInput(event.currentTarget.value)}
        />
        {isSecret && (
          <button type="button" class="plain" aria-pressed={isShown} onClick={() => setShown(!isShown)}>
            {isShown ? 'Hide' : 'Show'}
            <span class="hidden"> the {label.toLowerCase()}</span>
          </button>
        )}
      </div>
      {hint && (
        <p class="hint" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      {rules.length > 0 && (
        <ul class="rules" id={`${name}-rules`}>
          {rules.map(rule => (
            <Hint key={rule.text} text={rule.text} isMet={rule.isMet(value)} />
          ))}
        </ul>
      )}
    </div>
  )
}

const Hint = ({ text, isMet }: { readonly text: string; readonly isMet: boolean }) => (
  <li class={isMet ? 'met' : ''}>
    {isMet ? <Check /> : <Dot />}
    {text}
    <span class="hidden">{isMet ? ' (met)' : ' (not met yet)'}</span>
  </li>
)
