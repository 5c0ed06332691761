/** Renders a labelled list of choices, of which one is selected. */
interface ChoiceProps {
  readonly name: string
  readonly label: string
  readonly value: string
  /** The values with their labels. */
  readonly options: readonly (readonly [value: string, label: string])[]
  readonly onChange: (value: string) => void
}

export const Choice = ({ name, label, value, options, onChange }: ChoiceProps) => (
  <div class="field">
    <label for={name}>{label}</label>
    <select id={name} name={name} value={value} onChange={event => onChange(event.currentTarget.value)}>
      {options.map(([option, text]) => (
        <option key={option} value={option}>
          {text}
        </option>
      ))}
    </select>
  </div>
)
