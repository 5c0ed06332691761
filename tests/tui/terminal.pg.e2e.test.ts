/** Tests the built client in a real terminal (tmux), with the real service. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test, vi } from 'vitest'
import { builtProgram } from '../support/built-service.ts'
import { isAvailable } from '../support/requirements.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'

// Runs commands asynchronously. A synchronous call would block the service, which runs in this process.
const run = promisify(execFile)

/** Starts a tmux server of its own, which is stopped when the test ends. */
const startTmux = () => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-tmux-'))
  const tmux = async (...args: string[]): Promise<string> =>
    (await run('tmux', ['-f', '/dev/null', '-S', join(folder, 'socket'), ...args])).stdout
  onTestFinished(async () => {
    await tmux('kill-server').catch(() => {})
    rmSync(folder, { recursive: true, force: true })
  })
  /** Runs a command in a window of 100 columns and 40 rows. */
  const open = async (name: string, command: readonly string[]) => {
    // With CI=true, Ink would write the screen only at the end.
    const variables = [`FASTIFY_CHAT_PASSWORD=${PASSWORD}`, `XDG_CONFIG_HOME=${folder}`, 'NO_COLOR=1', 'CI=false']
    const env = variables.flatMap(variable => ['-e', variable])
    await tmux('new-session', '-d', '-x', '100', '-y', '40', '-s', name, ...env, ...command)
    return {
      sees: (text: string | RegExp) =>
        vi.waitFor(async () => expect(await tmux('capture-pane', '-p', '-t', name)).toMatch(text), {
          timeout: 30_000,
          interval: 100
        }),
      async type(text: string) {
        await tmux('send-keys', '-l', '-t', name, text)
        await tmux('send-keys', '-t', name, 'Enter')
      },
      /** Waits until the command has ended. */
      ended: () =>
        vi.waitFor(() => expect(tmux('has-session', '-t', name)).rejects.toThrow(), { timeout: 5000, interval: 100 })
    }
  }
  return open
}

test.runIf(isAvailable('tmux'))('moderates a room and shows unread messages on two terminals', async () => {
  const program = await builtProgram()
  const chat = await startChat()
  for (const name of ['ada', 'bob']) await chat.register(name)
  const open = startTmux()
  const clientOf = (name: string) =>
    open(name, [process.execPath, program, 'client', '--url', chat.url, '--username', name])
  const [ada, bob] = [await clientOf('ada'), await clientOf('bob')]
  for (const one of [ada, bob]) await one.sees('#general')
  await ada.type('/private Plans')
  await ada.sees('You created this private room.')
  await ada.type('/invite bob')
  await ada.sees('You added bob')
  await ada.type('first')
  await bob.sees('unread: Plans (private) (1 unread)')
  await bob.type('/rooms')
  await bob.sees(/Rooms, latest message first:\n +Plans \(private\): 1 unread/)
  await bob.type('/room plans')
  await bob.sees(/ ada first/)
  await ada.type('/mute bob 1h too loud')
  await bob.sees(/ada muted you until [\d-]+ [\d:]+: too loud/)
  await bob.type('hello')
  await bob.sees(/not sent: You are muted in this room\. .* This ends on\s+[\d-]+ [\d:]+\./)
  await bob.type('/room general')
  await bob.sees('#general')
  await ada.type('second')
  await bob.sees('unread: Plans (private) (1 unread)')
  await bob.type('/room plans')
  await bob.sees(/ ada second/)
  await ada.type('/ban bob')
  await ada.sees('You banned bob')
  await bob.sees(/banned .* Go to another room with \/room NAME\./)
  // The timers of the inbox must not delay the end of the program.
  await bob.type('/quit')
  await bob.ended()
})
