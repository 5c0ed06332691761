/**
 * Uses every frame, route and command of conversations: `npm run test:walkthrough`. Two users and a moderator use two browsers
 * and two terminals. The service runs in two processes, and one of them is killed. Prints each frame, route and command with
 * the clients that used it. Exits with 1 if a frame, route or command was not used, or if a client did not show its effect.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { completeChromiumPath } from '../support/programs.ts'
import { callRoutes, sendFrames } from './acts/api.ts'
import { block, talkDirectly } from './acts/direct.ts'
import { changeMessages, readMessages } from './acts/messages.ts'
import { ban, mute, report, reportInRoom, slowDown } from './acts/moderation.ts'
import { quit } from './acts/quit.ts'
import { kill, restart } from './acts/restarts.ts'
import { changeRoles, createRooms, leaveRoom } from './acts/rooms.ts'
import { compareViews } from './acts/views.ts'
import { invite, visit } from './acts/visitor.ts'
import { createChecklist } from './checklist.ts'
import { type Stage, startStage } from './stage.ts'

const ACTS: readonly ((stage: Stage) => Promise<void>)[] = [
  createRooms,
  changeRoles,
  leaveRoom,
  changeMessages,
  readMessages,
  talkDirectly,
  block,
  mute,
  ban,
  slowDown,
  report,
  reportInRoom,
  invite,
  visit,
  kill,
  restart,
  callRoutes,
  sendFrames,
  compareViews,
  quit
]

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`

/** Prints an error, what the terminals show, and where the screenshots of the pages are. */
const explain = async (act: string, error: unknown, { ada, mia, bob, mias }: Stage): Promise<void> => {
  process.stdout.write(`failed: ${inspect(error)}\n`)
  for (const terminal of [bob, mias]) {
    const screen = await terminal.screen().catch(() => 'The terminal has ended.')
    process.stdout.write(`---\n${screen.replace(/\n{2,}/g, '\n')}`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'chat-walkthrough-'))
  for (const [name, { page }] of Object.entries({ ada, mia })) {
    await page.screenshot({ path: join(folder, `${act}-${name}.png`) })
    // Closes the dialogs, for the next act.
    await page.reload()
  }
  process.stdout.write(`--- ${folder}\n`)
}

const walk = async (stage: Stage): Promise<number> => {
  let failures = 0
  for (const act of ACTS) {
    const startedAt = performance.now()
    process.stdout.write(`${act.name} … `)
    try {
      await act(stage)
      process.stdout.write(`${seconds(startedAt)}\n`)
    } catch (error) {
      failures++
      await explain(act.name, error, stage)
    }
  }
  return failures
}

const run = async (): Promise<boolean> => {
  const startedAt = performance.now()
  const checklist = createChecklist()
  const stage = await startStage(checklist)
  const failures = await walk(stage).finally(stage.stop)
  process.stdout.write(`${checklist.text()}\n${ACTS.length} acts, ${failures} failed, ${seconds(startedAt)}\n`)
  return failures === 0 && checklist.missing().length === 0
}

if (completeChromiumPath === undefined || spawnSync('tmux', ['-V']).status !== 0) {
  process.stderr.write('The walkthrough needs Chromium and tmux.\n')
  process.exitCode = 1
} else if (!(await run())) process.exitCode = 1
