/** Shows new recovery codes. The service returns them only once. */
import { useState } from 'preact/hooks'
import { download } from '../download.ts'

interface RecoveryCodesProps {
  readonly codes: readonly string[]
  readonly username: string
  readonly onDone: () => void
}

export const RecoveryCodes = ({ codes, username, onDone }: RecoveryCodesProps) => {
  const [isCopied, setCopied] = useState(false)
  const text = `${codes.join('\n')}\n`
  const copy = (): void => void navigator.clipboard?.writeText(text).then(() => setCopied(true))
  return (
    <div class="section-form">
      <h3>Save your recovery codes</h3>
      <p class="hint">Each code works for one login, and is not shown again. Earlier codes no longer work.</p>
      <ul class="codes">
        {codes.map(code => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div class="row">
        <button type="button" class="plain" onClick={copy}>
          {isCopied ? 'Copied' : 'Copy'}
        </button>
        <button type="button" class="plain" onClick={() => download(`recovery-codes-${username}.txt`, text)}>
          Download
        </button>
        <button type="button" class="primary" onClick={onDone}>
          I have saved them
        </button>
      </div>
    </div>
  )
}
