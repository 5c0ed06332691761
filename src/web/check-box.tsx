/** Renders a check box with its label. */
interface CheckBoxProps {
  readonly name: string
  readonly label: string
  readonly isChecked: boolean
  readonly onChange: (isChecked: boolean) => void
}

export const CheckBox = ({ name, label, isChecked, onChange }: CheckBoxProps) => (
  <label class="check" for={name}>
    <input id={name} type="checkbox" checked={isChecked} onChange={event => onChange(event.currentTarget.checked)} />
    {label}
  </label>
)
