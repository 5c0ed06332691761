/** Defines the error that lists all bad settings of a configuration. */
import { environmentName } from './settings.ts'

/** The form in which an error names the settings: as environment variables or as options. */
export type Names = 'environment' | 'options'

/** A bad setting. In the error, `message` follows the name of the setting, for example `is missing`. */
export interface BadSetting {
  readonly name: string
  readonly message: string
}

/** Thrown when settings are invalid. The message explains what is wrong with each setting, but contains no value. */
export class ConfigError extends Error {
  readonly bad: readonly BadSetting[]

  constructor(bad: readonly BadSetting[], names: Names = 'environment') {
    const shown = bad.map(
      ({ name, message }) => `  ${names === 'environment' ? environmentName(name) : name} ${message}`
    )
    const where =
      names === 'environment'
        ? 'Set them in the environment or in .env; .env.example lists every setting.'
        : 'Correct these options of the chat service. Its docs/settings.md lists every setting.'
    super(['The configuration is not valid:', ...shown, where].join('\n'))
    this.name = 'ConfigError'
    this.bad = bad
  }
}
