/** Operates the built terminal client in tmux, as a person does: types lines, and reads the screen. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { program } from './services.ts'
import { until } from './until.ts'

export interface Terminal {
  /** Returns the text on the screen. */
  screen(): Promise<string>
  /** Waits until the screen shows a text. Returns the match. */
  sees(text: string | RegExp): Promise<RegExpMatchArray>
  /** Waits until the screen no longer shows a text. */
  loses(text: string | RegExp): Promise<void>
  /** Types a line and presses Enter. Several lines are pasted. */
  type(text: string): Promise<void>
  /** Goes to a room. Repeats the command until the first row shows `label`, because a room that was just added may be unknown. */
  go(room: string, label: string): Promise<void>
  /** Presses PageUp, which loads older messages at the top. */
  loadOlder(): Promise<void>
  /** Types a command, and ticks it when `effect` has resolved. */
  command(line: string, effect: () => Promise<unknown>): Promise<void>
  /** Returns the number of the newest message with a text. The screen shows numbers only after `/numbers`. */
  numberOf(text: string): Promise<number>
  hasEnded(): Promise<boolean>
}

export interface TerminalOptions {
  readonly url: string
  readonly username: string
  readonly password: string
  readonly onCommand: (item: string) => void
}

export interface Terminals {
  open(options: TerminalOptions): Promise<Terminal>
  stop(): Promise<void>
}

const run = promisify(execFile)
/** The size of the window, so large that the screen shows every message of a room. */
const SIZE = ['-x', '120', '-y', '150']

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
const patternOf = (text: string | RegExp): RegExp => (typeof text === 'string' ? new RegExp(escaped(text)) : text)

/** Returns the name of the command in a line, such as `/reply`. */
const nameOf = (line: string): string => (line.startsWith('//') ? '//text' : (/^\/[a-z]+/.exec(line)?.[0] ?? ''))

/** Returns functions that open terminals on a separate tmux server, and stop this server. */
export const startTerminals = (): Terminals => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-tmux-'))
  let count = 0
  const tmux = async (...args: string[]): Promise<string> =>
    (await run('tmux', ['-f', '/dev/null', '-S', join(folder, 'socket'), ...args])).stdout

  const open = async ({ url, username, password, onCommand }: TerminalOptions): Promise<Terminal> => {
    const name = `${username}-${++count}`
    // With CI=true, Ink would write the screen only at the end.
    const variables = [`FASTIFY_CHAT_PASSWORD=${password}`, `XDG_CONFIG_HOME=${folder}`, 'NO_COLOR=1', 'CI=false']
    const env = variables.flatMap(variable => ['-e', variable])
    const client = [process.execPath, program, 'client', '--url', url, '--username', username]
    await tmux('new-session', '-d', ...SIZE, '-s', name, ...env, ...client)
    const screen = () => tmux('capture-pane', '-p', '-t', name)
    const sees = (text: string | RegExp) =>
      until(
        `the terminal of ${username} shows ${text}`,
        async () => (await screen()).match(patternOf(text)) ?? undefined
      )
    const type = async (text: string): Promise<void> => {
      if (text.includes('\n')) {
        await tmux('set-buffer', '-b', name, '--', text)
        await tmux('paste-buffer', '-p', '-d', '-b', name, '-t', name)
      } else await tmux('send-keys', '-l', '-t', name, '--', text)
      await tmux('send-keys', '-t', name, 'Enter')
    }
    return {
      screen,
      sees,
      type,
      loses: text =>
        until(
          `the terminal of ${username} no longer shows ${text}`,
          async () => !patternOf(text).test(await screen())
        ).then(() => {}),
      async go(room, label) {
        const isThere = async () => (await screen()).trimStart().startsWith(label)
        await until(`the terminal of ${username} shows ${label}`, async () => {
          await type(`/room ${room}`)
          await until(
            'the client responds',
            async () => (await isThere()) || (await screen()).includes('There is no room')
          )
          return isThere()
        })
      },
      loadOlder: async () => void (await tmux('send-keys', '-t', name, 'PPage')),
      async command(line, effect) {
        await type(line)
        await effect()
        onCommand(nameOf(line))
      },
      async numberOf(text) {
        const row = `#(\\d+) \\d\\d:\\d\\d \\S+ ${escaped(text)}`
        const [, number] = await sees(new RegExp(`${row}(?![\\s\\S]*${row})`))
        return Number(number)
      },
      hasEnded: () =>
        tmux('has-session', '-t', name).then(
          () => false,
          () => true
        )
    }
  }
  return {
    open,
    async stop() {
      await tmux('kill-server').catch(() => {})
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
