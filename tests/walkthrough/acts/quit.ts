/** Quits the terminal client with `/quit`, `/exit` and `/q`. Checks each time that ada’s page no longer lists bob. */
import type { Stage } from '../stage.ts'
import { until } from '../until.ts'

export const quit = async ({ ada, bob, openTerminal }: Stage): Promise<void> => {
  const presence = ada.page.locator('#people').getByText('bob', { exact: true })
  await ada.open('Tea')
  for (const command of ['/quit', '/exit', '/q']) {
    const terminal = command === '/quit' ? bob : await openTerminal('bob')
    await terminal.go('tea', '#tea')
    await presence.waitFor()
    await terminal.command(command, async () => {
      await until(`${command} ends the client`, terminal.hasEnded)
      await presence.waitFor({ state: 'detached' })
    })
  }
}
