/** Renders a large dialog with sections. Shows one section at a time. On a phone, the dialog fills the screen. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { useModal } from './dialog.tsx'
import { Cross } from './icons.tsx'

/** A section of the dialog. `label` identifies the section and is shown in the navigation. */
export interface PanelSection {
  readonly label: string
  readonly content: ComponentChildren
}

interface PanelProps {
  readonly title: string
  readonly sections: readonly PanelSection[]
  readonly onClose: () => void
  /** Dialogs that belong to the panel. */
  readonly children?: ComponentChildren
}

export const Panel = ({ title, sections, onClose, children }: PanelProps) => {
  const [label, setLabel] = useState(sections[0]?.label)
  const dialog = useModal()
  const shown = sections.find(section => section.label === label) ?? sections[0]

  return (
    <dialog ref={dialog} class="panel" onClose={onClose} aria-labelledby="panel-title">
      <header>
        <h2 id="panel-title">{title}</h2>
        <button type="button" class="icon-button" onClick={() => dialog.current?.close()} aria-label="Close">
          <Cross />
        </button>
      </header>
      <nav aria-label={title}>
        {sections.map(section => (
          <button
            key={section.label}
            type="button"
            aria-current={section === shown}
            onClick={() => setLabel(section.label)}
          >
            {section.label}
          </button>
        ))}
      </nav>
      {/*
       * The key clears the state of a section when another section is shown. The tabindex allows scrolling with the keyboard.
       */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard. */}
      <section key={shown?.label} class="panel-body" aria-label={shown?.label} tabIndex={0}>
        {shown?.content}
      </section>
      {children}
    </dialog>
  )
}
